"""One offline HTML page about a finished run, from what lies in its folder and its data.

    extra     the packages a report needs, and what is said when they are missing
    record    what the run folder holds, read and checked
    answers   which output answers which target
    results   predictions compared with what was wanted: classes or numbers
    inference the predictor over a partition
    charts    curves and scatter plots as SVG in the page's own colours
    values    examples as pictures or short text
    features  filters and feature maps of the first convolutions
    generated what is made of random numbers
    tiles     many small pictures as one PNG
    pictures  the files beside the page
    page      all of it into page.html

Importing this costs nothing: the packages of the extra are imported when a report is written.
"""

from .write import write_report

__all__ = ["write_report"]
