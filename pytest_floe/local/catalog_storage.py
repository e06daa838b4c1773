"""How the catalog writes its metadata files to S3.

PyIceberg's FileIO over Arrow leaves an empty object in place of each folder that it empties, so a purged table would
not be gone. This one is over boto3, and leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_OPTIONS = Config(
    connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}
)
_ERRORS: dict[str, type[OSError]] = {
    "NoSuchKey": FileNotFoundError,
    "NoSuchBucket": FileNotFoundError,
    "404": FileNotFoundError,
    "AccessDenied": PermissionError,
    "403": PermissionError,
    "PreconditionFailed": FileExistsError,
}


class S3File(InputFile, OutputFile):
    """One object, read and written whole; raises the OSErrors that PyIceberg expects of a file."""

    def __init__(self, location: str, client: S3Client) -> None:
        super().__init__(location)
        parts = urlsplit(location)
        self._bucket, self._key = parts.netloc, parts.path.lstrip("/")
        self._client = client

    def __len__(self) -> int:
        with _as_os_error(self.location):
            return self._client.head_object(Bucket=self._bucket, Key=self._key)["ContentLength"]

    def exists(self) -> bool:
        try:
            len(self)
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> InputStream:  # noqa: ARG002 - PyIceberg's interface
        with _as_os_error(self.location):
            return BytesIO(self._client.get_object(Bucket=self._bucket, Key=self._key)["Body"].read())

    def create(self, overwrite: bool = False) -> OutputStream:
        return _Upload(self, overwrite=overwrite)

    def to_input_file(self) -> InputFile:
        return self

    def put(self, body: bytes, *, overwrite: bool) -> None:
        """Write the object; raises FileExistsError if it is there and must not be replaced."""
        with _as_os_error(self.location):
            if overwrite:
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body)
            else:
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=body, IfNoneMatch="*")

    def delete(self) -> None:
        """Delete the object."""
        with _as_os_error(self.location):
            self._client.delete_object(Bucket=self._bucket, Key=self._key)


class _Upload(BytesIO):
    """Collects what is written, and uploads it when closed."""

    def __init__(self, target: S3File, *, overwrite: bool) -> None:
        super().__init__()
        self._target = target
        self._overwrite = overwrite

    def close(self) -> None:
        if not self.closed:
            body = self.getvalue()
            super().close()
            self._target.put(body, overwrite=self._overwrite)


class S3FileIO(FileIO):
    """Files of the bucket that PyIceberg's ``s3.`` properties lead to."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._client = _client(
            properties["s3.endpoint"],
            properties["s3.region"],
            properties["s3.access-key-id"],
            properties["s3.secret-access-key"],
        )

    def new_input(self, location: str) -> S3File:
        return S3File(location, self._client)

    def new_output(self, location: str) -> S3File:
        return S3File(location, self._client)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        S3File(location if isinstance(location, str) else location.location, self._client).delete()


@lru_cache  # PyIceberg makes a FileIO for every request
def _client(endpoint: str, region: str, key: str, secret: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=_OPTIONS,
    )


@contextmanager
def _as_os_error(location: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        _raise(error, location)


def _raise(error: ClientError, location: str) -> NoReturn:
    code = error.response["Error"]["Code"]
    raise _ERRORS.get(code, OSError)(f"S3 answers {code} for {location}") from error
