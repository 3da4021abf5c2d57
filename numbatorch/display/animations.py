"""A matplotlib animation as a player in the page that loads nothing from another server."""

import re

# Matplotlib draws the player's buttons with a font that it loads from the network.
BUTTONS = {
    "fa-minus": "−",
    "fa-fast-backward": "⏮",
    "fa-step-backward": "⏴",
    "fa-play fa-flip-horizontal": "◀",
    "fa-pause": "⏸",
    "fa-play": "▶",
    "fa-step-forward": "⏵",
    "fa-fast-forward": "⏭",
    "fa-plus": "+",
}


def animation_html(animation, default_mode="once"):
    """The HTML of `matplotlib.animation.Animation.to_jshtml`, its buttons drawn as text."""
    page = animation.to_jshtml(default_mode=default_mode)
    page = re.sub(r"<link\s[^>]*font-awesome[^>]*>", "", page)
    return re.sub(r'<i class="fa ([^"]*)"></i>', lambda icon: BUTTONS[icon[1]], page)
