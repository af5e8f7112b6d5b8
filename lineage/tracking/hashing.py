"""The digest of an artifact, the same for everyone who holds the bytes.

Of a file: that of its bytes. Of a folder: of the list of its files, one line each, `<digest of the file>  <path>`,
paths relative to the folder with `/` between names, in the order of their UTF-8 bytes. With GNU tools, inside the
folder:

    find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum

and with ours: `muniment digest FOLDER`. A folder of one file is a folder still. A path with a line break or a backslash
is refused: sha256sum would write it otherwise.
"""

import hashlib
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from governance import errors

#: How the record names what hashlib can work out.
ALGORITHMS = {
    "sha256": "sha256",
    "sha384": "sha384",
    "sha512": "sha512",
    "sha3_256": "sha3_256",
    "sha3_384": "sha3_384",
    "sha3_512": "sha3_512",
    "blake2b512": "blake2b",
}


def digest_of_stream(algorithm: str, parts: Iterable[bytes]) -> str:
    """Lowercase hexadecimal of a body that comes in parts; `algorithm` is one of ALGORITHMS."""
    digest = hashlib.new(ALGORITHMS[algorithm])
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def digest_of_tree(algorithm: str, files: Mapping[str, str]) -> str:
    """The digest of a folder: {path: digest of the file}.

    Raises:
        errors.Invalid: a path that the list cannot hold.
    """
    for path in files:
        if not path or "\n" in path or "\r" in path or "\\" in path or "\x00" in path:
            raise errors.Invalid(
                _("The artifact has a path that its digest cannot name: %(path)s") % {"path": repr(path)[:200]}
            )
    listed = "".join(f"{files[path]}  {path}\n" for path in sorted(files, key=lambda path: path.encode()))
    return digest_of_stream(algorithm, [listed.encode()])


def names_of_artifact(algorithm: str, files: Mapping[str, str]) -> list[tuple[str, str]]:
    """The digests that an artifact may be on record under, each with the path it is the digest of; "": the whole.

    The whole comes first. A file within it counts where there is no other file: beside a file with the digest on record
    anything could lie, and a file that holds the list has the digest of the folder that was listed.

    Args:
        files: {path: digest of the file}; {"": digest} where the artifact is a file itself.

    Raises:
        errors.Invalid: a path that the list cannot hold.
    """
    if "" in files:
        return [(files[""], "")]
    only = [(value, path) for path, value in files.items()] if len(files) == 1 else []
    return [(digest_of_tree(algorithm, files), ""), *only]
