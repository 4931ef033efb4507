"""The `.keras` file that a verb writes: its name, whether it may be replaced, and what made it."""

from __future__ import annotations

from pathlib import Path

from sqnxt_export.artifact.files import check_output
from sqnxt_tf import __version__
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import RunFolder


def may_overwrite(output: str | Path, *, force: bool) -> bool:
    """Return whether an existing model may be replaced: by request, or because its run was killed before its end."""
    path = Path(output)
    return force or (path.suffix == ".keras" and RunFolder(path.with_suffix(".train")).is_begun)


def check_model_output(output: str | Path, *, force: bool) -> Path:
    """Return the path of the `.keras` file to write.

    Raises:
        SqnxtError, ExportError: Another suffix, or a file that cannot be written.
    """
    output = Path(output)
    if output.suffix != ".keras":
        raise SqnxtError(output, "a model is a .keras file", "give the output that suffix")
    check_output(output, force=force)
    return output


def check_shift(recipe: Recipe, size: tuple[int, int]) -> None:
    """Refuse augmentation that would shift an image of that height and width out of itself.

    Raises:
        SqnxtError: The shift is larger than the image.
    """
    if recipe.max_shift > min(size):
        raise SqnxtError(
            "recipe", f"max_shift = {recipe.max_shift} is more than an input of {min(size)} pixels", "enlarge it"
        )


def keras_versions() -> dict[str, str]:
    """Return the versions of the packages that made a model."""
    from importlib.metadata import version

    return {"sqnxt-tf": __version__, **{name: version(name) for name in ("tensorflow", "tf_keras")}}
