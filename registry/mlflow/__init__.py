"""The registry as MLflow's clients see it.

`asked` reads what a call says, `place` finds what it is about within one organization, `filters`
reads search expressions, `shapes` writes answers. `paths` judges addresses of files and sources,
`folders` reads a model's folder, `zips` one that came as a file. Writes are in `registry.services`
(`tracking`, `logged`, `registered`, `folders`), routes in `registry.api.mlflow`.
"""
