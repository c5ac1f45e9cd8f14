"""Container images: a Debian root file system to start from, and Containerfiles on top of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from offline.engine import environment, image_exists, keep_only
from offline.step import Run, Step
from offline.versions import ROOT, canonical, version

IMAGES = ROOT / "offline" / "images"
# Programs in a build trust what this machine trusts, such as the authority of a proxy it sits behind.
AUTHORITIES = Path("/etc/ssl/certs")

KEEP_NOTHING = 'APT::Keep-Downloaded-Packages "false"; Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'


def tag(step: Step) -> str:
    """Return the name of a step's image in podman's storage; it changes with the step's inputs."""
    return f"localhost/mandates-build/{step.name}:{step.key}"


def _present(step: Step) -> bool:
    return image_exists(tag(step))


def debian(role: str) -> Step:
    """Return the step that makes a minimal Debian image of the suite that versions.toml gives the role."""
    suite = version("debian", role)
    options = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
    options += [
        # Java's package links its manual pages into this folder and fails where it is not.
        '--customize-hook=mkdir -p "$1/usr/share/man/man1"',
        # What apt downloads and indexes is used once: it must not stay in a layer.
        f"--customize-hook=echo '{KEEP_NOTHING}' > \"$1/etc/apt/apt.conf.d/keep-nothing\"",
        '--customize-hook=rm -f "$1"/var/cache/apt/*.bin',
    ]

    def recipe(run: Run) -> None:
        archive = run.out / "root.tar"
        run("mmdebstrap", "--variant=minbase", *options, suite, archive)
        run("podman", "import", "--change", 'CMD ["bash"]', archive, tag(step), env=environment())
        archive.unlink()
        keep_only(tag(step))

    step = Step(f"debian-{suite}", recipe, settings=options, present=_present)
    return step


def image(
    name: str,
    *,
    base: Step | None = None,
    needs: Sequence[Step] = (),
    arguments: Mapping[str, str] | None = None,
    context: Path | None = None,
    sources: Sequence[str] = (".",),
    reference: str | None = None,
) -> Step:
    """Return the step that builds offline/images/`name`/Containerfile.

    Inside the Containerfile, `FROM $BASE` is the base step's image, `COPY --from=STEP` reads the output
    of a needed step, and `--from=authorities` the certificates this machine trusts.

    :param context: the folder with the Containerfile, where it is not offline/images/`name`.
    :param sources: what in that folder goes into the image.
    :param reference: an image name by which others find the result in podman's storage.
    """
    folder = context or IMAGES / name

    def recipe(run: Run) -> None:
        words = ["--tag", tag(step)]
        if reference:
            words += ["--tag", canonical(reference)]
        if base:
            words += ["--build-arg", f"BASE={tag(base)}"]
        for key, value in (arguments or {}).items():
            words += ["--build-arg", f"{key}={value}"]
        for need in needs:
            words += ["--build-context", f"{need.name}={need.out}"]
        words += ["--build-context", f"authorities={AUTHORITIES}", "--network=host"]
        run("podman", "build", "--pull=never", "--format=docker", *words, folder, env=environment())
        keep_only(tag(step))

    step = Step(
        f"image-{name}",
        recipe,
        files=[folder / source for source in sources],
        settings=[f"{key}={value}" for key, value in (arguments or {}).items()] + [reference or ""],
        needs=[*([base] if base else []), *needs],
        present=_present,
    )
    return step
