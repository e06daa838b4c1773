"""Places to put files in: nothing shows until everything is written."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyarrow import fs

from ..errors import TargetError  # noqa: TID252
from ..stopping import finished_first  # noqa: TID252

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FULL_REMEDY = "the disk is full, or a limit reached. Free some space, write less, or name another place"
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
FORBIDDEN_REMEDY = "writing is not permitted. Name a place you may write to, or ask for the right to"
KEPT = ". Whole batches already written are kept"
"""What to add where a batch could not be appended."""

_SUCCESS = "_SUCCESS"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on some file system."""

    system: fs.FileSystem
    path: str

    def open(self, name: str) -> fs.NativeFile:
        """A new file below the folder, with its folders."""
        path = f"{self.path}/{name}"
        try:
            return self.system.open_output_stream(path)
        except FileNotFoundError:  # an object store needs no folders, and would keep them as objects
            self.system.create_dir(path.rpartition("/")[0], recursive=True)
            return self.system.open_output_stream(path)


@contextmanager
def new_folder(target: str, system: fs.FileSystem | None = None) -> Iterator[Folder]:
    """A folder that appears at `target` if the block ends well, and not at all if it does not.

    On a local disk it is filled under another name and renamed. On an object store, which cannot rename, an empty
    object `_SUCCESS` is written last, and whatever was written before a failure is removed; a killed process leaves
    objects without `_SUCCESS`. `target` is a path, or a URI that PyArrow understands; with `system` a path in it.
    """
    with explained(target):
        system, path = resolve(target, system)
        _require_vacant(system, path, target)
        fill = _renamed if isinstance(system, fs.LocalFileSystem) else _marked
        with fill(system, path) as folder:
            yield folder


def exists(target: str, system: fs.FileSystem | None = None) -> bool:
    """Whether `new_folder` has completed this folder."""
    with explained(target):
        system, path = resolve(target, system)
        sign = path if isinstance(system, fs.LocalFileSystem) else f"{path}/{_SUCCESS}"
        return bool(system.get_file_info(sign).type != fs.FileType.NotFound)


def sweep(target: str, system: fs.FileSystem | None = None, *, beside: str | None = None) -> None:
    """Remove what killed processes have left of `target` on a local disk, under the name it is filled under.

    Kept is what a process of that number, or one on another machine that holds its lock, may still be filling.
    `beside`: a pattern of names; all folders of such a name, where `target` lies, are swept like it.
    """
    with explained(target):
        system, path = resolve(target, system)
    if not isinstance(system, fs.LocalFileSystem):
        return
    final = Path(path)
    named = re.compile(rf"\.(?:{beside or re.escape(final.name)})\.(\d+)\.partial")
    with suppress(OSError):  # what cannot be looked at stays
        for entry in os.scandir(final.parent):
            found = named.fullmatch(entry.name)
            if found and entry.is_dir(follow_symlinks=False) and not _is_another(int(found[1])):
                with _locked(entry.path) as alone:
                    if alone:
                        shutil.rmtree(entry.path, ignore_errors=True)


def _is_another(process: int) -> bool:
    """Whether a process of this number runs, other than this one: numbers come again, above all in containers."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process != os.getpid()


@contextmanager
def _locked(folder: str) -> Iterator[bool]:
    """Hold a folder's lock; False where another process has it, or the file system has no locks."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        alone = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(descriptor)


def resolve(target: str, system: fs.FileSystem | None) -> tuple[fs.FileSystem, str]:
    """The file system of a target, if it is not given, and the path in it; links are followed, as they stay."""
    if system:
        return system, target
    if "://" not in target:
        return fs.LocalFileSystem(), os.path.realpath(target)
    try:
        system, path = fs.FileSystem.from_uri(target)
    except (ValueError, NotImplementedError) as error:
        raise TargetError(masked(f"{target} is no place PyArrow can write to: {error}")) from error
    return system, path


def masked(text: str) -> str:
    """The text without the user and password of the URIs in it."""
    return re.sub(r"//[^/\s@:]*:\S*@", "//***@", text)


def require_plain(path: Path, special: str, reader: str) -> None:
    """Raise TargetError if `reader` would take a local path for another: `special` is a pattern of what misleads it."""
    place = str(path.absolute())
    if found := re.search(special, place):
        raise TargetError(f"{place!r}: {reader} takes {found[0]!r} in a path for something else. Name one without it")


def write_first(system: fs.FileSystem, path: str, content: bytes) -> bool:
    """Write a small file unless there is one already; an object store cannot tell, and replaces it."""
    if not isinstance(system, fs.LocalFileSystem):
        with system.open_output_stream(path) as stream:
            stream.write(content)
        return True
    try:
        with Path(path).open("xb") as file:
            try:
                file.write(content)
                file.flush()
            except BaseException:
                Path(path).unlink()
                raise
    except FileExistsError:
        return False
    return True


def _require_vacant(system: fs.FileSystem, path: str, target: str) -> None:
    target, found = masked(target), system.get_file_info(path).type
    listed = system.get_file_info(fs.FileSelector(path)) if found == fs.FileType.Directory else []
    unfinished = listed and not any(info.base_name == _SUCCESS for info in listed)
    if unfinished and not isinstance(system, fs.LocalFileSystem):
        raise TargetError(
            f"{target} holds objects but no {_SUCCESS}: a killed process has left it unfinished, or something else "
            "put them there. Remove this folder and write again, or name another place"
        )
    if found not in {fs.FileType.NotFound, fs.FileType.Directory} or listed:
        raise TargetError(f"{target} exists and is not an empty folder: name another, or remove it first")
    if found == fs.FileType.Directory and isinstance(system, fs.LocalFileSystem) and _is_held(Path(path)):
        raise TargetError(f"{target} is mounted, or the working directory, and cannot be replaced: name a folder in it")


def _is_held(folder: Path) -> bool:
    """Whether no other folder can take the place of this one, or none would be seen there."""
    return folder.is_mount() or folder.samefile(".")


@contextmanager
def _renamed(system: fs.FileSystem, path: str) -> Iterator[Folder]:
    final = Path(path)
    staging = final.with_name(f".{final.name}.{os.getpid()}.partial")
    final.parent.mkdir(parents=True, exist_ok=True)
    staging.mkdir()
    try:
        with _locked(str(staging)):
            yield Folder(system, str(staging))
            staging.replace(final)
    finally:
        with finished_first():
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _marked(system: fs.FileSystem, path: str) -> Iterator[Folder]:
    try:
        yield Folder(system, path)
        system.open_output_stream(f"{path}/{_SUCCESS}").close()
    except BaseException:
        if system.get_file_info(path).type == fs.FileType.Directory:
            system.delete_dir(path)
        raise


@contextmanager
def explained(target: str) -> Iterator[None]:
    """Turn what the operating system refuses, or PyArrow cannot spell, into a sentence with a remedy."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        raise TargetError(masked(_sentence(target, error))) from error


def _sentence(target: str, error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return f"{target} is not a name in UTF-8: name another"
    if error.errno in FULL:
        return f"{target}: {FULL_REMEDY}"
    if error.errno in FORBIDDEN:
        return f"{target}: {FORBIDDEN_REMEDY}"
    return f"{target} cannot be written: {error}"
