"""Taking in what may be a folder: the model's file in it becomes the upload."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from accounts.actors import Actor
from common.storage import Received, Receiver
from registry.mlflow.folders import ModelFolder, read_folder
from registry.mlflow.zips import SKOPS_SUFFIX, ZipFolder, is_folder
from registry.models import ModelVersion
from registry.services.models import Upload, upload_version


def upload_file(received: Received, upload: Upload, *, actor: Actor) -> ModelVersion:
    """Take a quarantined file in, or the model in it where it is a zip of an MLflow folder.

    The file is the service's from here on: adopted, or deleted, also where this raises. Raises what
    `upload_version` does, BadArchive, BadFolder and FlavorNotServed.
    """
    file = received
    try:
        if not upload.filename.lower().endswith(SKOPS_SUFFIX) and is_folder(received.path):
            file, upload = _unpack(received, upload)
        return upload_version(file, upload, actor=actor)
    except BaseException:
        file.drop()
        raise
    finally:
        if file is not received:
            received.drop()


def described(upload: Upload, folder: ModelFolder) -> Upload:
    """The upload of a folder's model: what a person said of it goes before what the folder says."""
    return replace(
        upload,
        filename=folder.filename,
        framework=upload.framework or folder.framework,
        hints=folder.hints,
    )


def _unpack(received: Received, upload: Upload) -> tuple[Received, Upload]:
    with ZipFolder(received.path) as zipped:
        folder = read_folder(zipped)
        receiver = Receiver(most=int(settings.MODEL_MAX_BYTES))
        try:
            for chunk in zipped.chunks(folder.path):
                receiver.write(chunk)
        except BaseException:
            receiver.abort()
            raise
        return receiver.finish(), described(upload, folder)
