"""How every chart of ours looks: quiet, in the fetched CJK font, in Okabe and Ito's colour-blind-safe colours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import matplotlib as mpl
import matplotlib.style
from matplotlib import font_manager

BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#F0E442",
    "#7F7F7F",
)
STYLE: Final = Path(__file__).parent / "charts.mplstyle"


@contextmanager
def chart_style(fonts: Path) -> Iterator[None]:
    """Inside, matplotlib draws in our style; `fonts` is the folder with Noto Sans SC."""
    for font in sorted(fonts.glob("NotoSansSC_*.ttf")):
        font_manager.fontManager.addfont(font)
    with mpl.style.context(STYLE):
        yield
