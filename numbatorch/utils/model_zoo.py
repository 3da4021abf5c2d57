"""The old place of `torch.hub.load_state_dict_from_url` (`torch.utils.model_zoo`)."""

from ..hub import load_state_dict_from_url

load_url = load_state_dict_from_url
