"""A matplotlib animation as a player in the page that loads nothing from another server."""

import re

#: Icon -> its outline, in a square of 12 by 12. Matplotlib draws the player's buttons with a font that
#: it loads from the network; the signs for them are missing from many others.
BUTTONS = {
    "fa-minus": "M1 5h10v2H1z",
    "fa-fast-backward": "M1 1h2v10H1zM11 1v10L4 6z",
    "fa-step-backward": "M7 1v10L1 6zM9 1h2v10H9z",
    "fa-play fa-flip-horizontal": "M10 1v10L2 6z",
    "fa-pause": "M2 1h3v10H2zM7 1h3v10H7z",
    "fa-play": "M2 1l8 5-8 5z",
    "fa-step-forward": "M5 1l6 5-6 5zM1 1h2v10H1z",
    "fa-fast-forward": "M9 1h2v10H9zM1 1l7 5-7 5z",
    "fa-plus": "M5 1h2v4h4v2H7v4H5V7H1V5h4z",
}


def animation_html(animation, default_mode="once"):
    """The HTML of `matplotlib.animation.Animation.to_jshtml`, its buttons drawn in the page itself."""
    page = animation.to_jshtml(default_mode=default_mode)
    page = re.sub(r"<link\s[^>]*font-awesome[^>]*>", "", page)
    return re.sub(r'<i class="fa ([^"]*)"></i>', _button, page)


def _button(icon):
    return (
        '<svg width="12" height="12" viewBox="0 0 12 12" fill="currentColor">'
        f'<path d="{BUTTONS[icon[1]]}"/></svg>'
    )
