"""What is right below a folder, from the paths of all files that are anywhere below it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from registry.models import LoggedFile


def children(rows: QuerySet[LoggedFile], folder: str) -> list[dict[str, Any]]:
    """Files and folders by their names within the folder, as MLflow lists them."""
    before = f"{folder}/" if folder else ""
    folders: set[str] = set()
    files: list[dict[str, Any]] = []
    for path, size in rows.order_by("path").values_list("path", "size"):
        if not path.startswith(before):
            continue  # the path is a file's: it has nothing below
        name, slash, _ = path.removeprefix(before).partition("/")
        if slash:
            folders.add(name)
        else:
            files.append({"path": name, "is_dir": False, "file_size": size})
    return [*({"path": name, "is_dir": True} for name in sorted(folders)), *files]
