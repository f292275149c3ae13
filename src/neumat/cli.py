"""The command line: parse, call, print. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from neumat import __version__
from neumat.errors import InputError, NeumatError

if TYPE_CHECKING:
    from neumat.shading.bindings import Weights

Command = TypeVar("Command", bound=Callable[..., Any])
TARGETS = ("hlsl", "glsl", "spirv", "wgsl", "metal", "cuda", "cpp")


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_output = click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Where the result goes.")
_talk = _options(
    click.option("--quiet", is_flag=True, help="No progress and no remarks."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON value, for scripts."),
)
_reading = _options(
    click.option("--height-scale", type=float, help="Height of the relief in texture widths; else it is estimated."),
    click.option(
        "--normal-format", type=click.Choice(["auto", "opengl", "directx"]), default="auto", show_default=True,
        help="Direction of the normal map's green channel.",
    ),
    click.option("--tileable/--no-tileable", default=None, help="Whether opposite edges meet; else it is detected."),
    click.option("--physical-size", type=float, help="Width of the texture in metres."),
)  # fmt: skip
_fitting = _options(
    click.option("--network", help="Hidden layers, for example 32x2. Default: 32x2 (hybrid), 64x4 (neumip)."),
    click.option("--resolution", type=int, default=256, show_default=True, help="Pixels across the texture."),
    click.option("--budget", type=float, help="Most seconds of training."),
    click.option("--steps", default="16+12", show_default=True, help="Marching steps towards eye + light."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of everything random."),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where to train.",
    ),
)
_form = click.option(
    "--form", type=click.Choice(["hybrid", "neumip"]), default="hybrid", show_default=True, help="Form of the material."
)
_scene = _options(
    click.option("--mesh", default="sphere", show_default=True, help="glTF, OBJ, PLY, STL, or sphere, plane."),
    click.option("--probe", default="softboxes", show_default=True, help="EXR, HDR, or white, sky, softboxes."),
    click.option("--size", default="512", show_default=True, help="Pixels: 512 or 1280x720."),
    click.option("--samples", type=int, default=64, show_default=True, help="Lights a pixel."),
    click.option("--tile-size", type=float, help="Metres that one texture covers on the mesh."),
    click.option("--repeats", type=float, default=1.0, show_default=True, help="Repeats of the texture for one UV."),
    click.option("--tone-map", default="agx", show_default=True, help="agx, aces, neutral or none."),
    click.option("--exposure", type=float, default=0.0, show_default=True, help="Stops on top of the automatic one."),
    click.option("--azimuth", type=float, default=35.0, show_default=True, help="Of the camera, degrees."),
    click.option("--elevation", type=float, default=20.0, show_default=True, help="Of the camera, degrees."),
    click.option("--rotate-probe", type=float, default=0.0, show_default=True, help="Degrees."),
)
_targets = click.option("--targets", help=f"Comma-separated: {','.join(TARGETS)}. Default: all.")


def _screen(quiet: bool, as_json: bool) -> Any:
    from neumat.console import Screen

    return Screen(quiet=quiet, as_json=as_json)


def _read(values: dict[str, Any]) -> Any:
    """Take the options of `_reading` out of a command's values."""
    from neumat.pipelines.load import Reading

    return Reading(**{key: values.pop(key) for key in ("height_scale", "normal_format", "tileable", "physical_size")})


def _picture(values: dict[str, Any], mode: str = "neural") -> Any:
    """Take the options of `_scene` out of a command's values."""
    from neumat.pipelines.picture import PictureOptions

    width, height = _size(values.pop("size"))
    turn: dict[str, Any] = {name: math.radians(values.pop(name)) for name in ("azimuth", "elevation")}
    rotation = math.radians(values.pop("rotate_probe"))
    names = ("mesh", "probe", "samples", "tile_size", "repeats", "tone_map", "exposure")
    chosen = {name: values.pop(name) for name in names}
    return PictureOptions(width=width, height=height, rotation=rotation, mode=mode, **turn, **chosen)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    numbers = [int(part) for part in parts if re.fullmatch("[0-9]{1,4}", part)]
    if len(parts) not in (1, 2) or len(numbers) != len(parts) or not all(1 <= number <= 8192 for number in numbers):
        raise InputError(f"--size {text!r}: write pixels, 512 or 1280x720, up to 8192")
    return numbers[0], numbers[-1]


def _target_names(text: str | None) -> tuple[str, ...]:
    if text is None:
        return TARGETS
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        raise InputError(f"--targets {text!r}: choose from {', '.join(TARGETS)}")
    return names


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="neumat")
@click.pass_context
def cli(context: click.Context) -> None:
    """Turn PBR materials into neural materials that ship: shaders, glTF, pictures, and what they cost."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@_output
@_form
@_fitting
@click.option("--both-forms/--one-form", default=True, help="Also fit and compile the other form, to compare.")
@_targets
@_scene
@_reading
@_talk
def make(source: Path, output: Path, quiet: bool, as_json: bool, **values: Any) -> None:
    """Run the whole way: fit SOURCE, compile it, export it, picture it, report what it gains and costs."""
    from neumat.pipelines.load import load_pbr
    from neumat.pipelines.make import MakeOptions
    from neumat.pipelines.make import make as run

    screen = _screen(quiet, as_json)
    reading = _read(values)
    options = MakeOptions(picture=_picture(values), targets=_target_names(values.pop("targets")), **values)
    maps = load_pbr(source, reading)
    _show_findings(screen, maps)
    with screen.progress() as progress:
        report = run(maps, output, options, reading=reading, progress=progress, announce=screen.say)
    if as_json:
        screen.json(report)
        return
    _show_report(screen, report)
    if "neumip" in report:
        _show_report(screen, report["neumip"])
    screen.say(f"Look at {output / 'compare.png'} and {output / 'report.md'}.")


@cli.command()
@click.argument("source", type=click.Path(path_type=Path))
@_output
@_form
@_fitting
@_reading
@_talk
def fit(source: Path, output: Path, quiet: bool, as_json: bool, **values: Any) -> None:
    """Fit a neural material to SOURCE: a folder of maps, a .glb, a samples file (.npz) or a folder of frames."""
    from neumat.files import check_target
    from neumat.materials.neumat_file import save
    from neumat.materials.pbr import PbrMaterial
    from neumat.names import safe_name
    from neumat.pipelines.fit import check_options, read_source
    from neumat.pipelines.fit import fit as run

    screen = _screen(quiet, as_json)
    reading = _read(values)
    if output.suffix.lower() != ".neumat":
        raise InputError(f"{output}: a neural material is written as .neumat")
    check_target(output)
    check_options(**values)
    observed = read_source(source, reading)
    if isinstance(observed, PbrMaterial):
        _show_findings(screen, observed)
    with screen.progress() as progress:
        name = safe_name(source.stem)
        material = run(observed, reading=reading, name=name, progress=progress, **values)
    save(material, output)
    details = material.provenance["fit"]
    screen.say(f"{output}: {details['form']} {details['network']}, fitted in {details['seconds']:.1f} s")
    if as_json:
        screen.json({"path": str(output), "fit": details})


@cli.command()
@click.argument("material", type=click.Path(path_type=Path))
@click.option("--against", required=True, type=click.Path(path_type=Path), help="The maps that it was fitted to.")
@click.option("--taps", type=int, default=1, show_default=True, help="Look-ups a pixel: 1, 4, 9, …")
@click.option("--dump", type=click.Path(path_type=Path), help="Folder for pictures of all columns beside the truth.")
@_reading
@_talk
def evaluate(
    material: Path, against: Path, taps: int, dump: Path | None, quiet: bool, as_json: bool, **values: Any
) -> None:
    """Judge MATERIAL against the truth of its source, beside plain PBR and parallax mapping."""
    from dataclasses import replace

    from neumat.files import check_target
    from neumat.materials.neural import NeuralMaterial
    from neumat.pipelines.evaluate import dump_pictures, evaluate_material
    from neumat.pipelines.load import Reading, load, load_pbr

    screen = _screen(quiet, as_json)
    told = _read(values)
    if dump is not None:
        check_target(dump, folder=True)
    neural = load(material)
    if not isinstance(neural, NeuralMaterial):
        raise InputError(f"{material}: is no neural material; give a .neumat file or a .glb with the neural layer")
    # What was told at the fit holds, unless it is told again.
    overrules = {key: value for key, value in told.stored().items() if value not in (None, "auto")}
    maps = load_pbr(against, replace(Reading.of(neural), **overrules))
    with screen.progress() as progress:
        result = evaluate_material(neural, maps, taps=taps, progress=progress)
    if dump is not None:
        dump_pictures(result, dump)
    if as_json:
        screen.json(result.report)
    _show_report(screen, result.report)


@cli.command(name="compile")
@click.argument("material", type=click.Path(path_type=Path))
@_output
@_targets
@click.option(
    "--weights", type=click.Choice(["auto", "buffer", "constant", "texture"]), default="auto", show_default=True,
    help="Where shaders read the networks from.",
)  # fmt: skip
@_talk
def compile_command(
    material: Path, output: Path, targets: str | None, weights: Weights, quiet: bool, as_json: bool
) -> None:
    """Emit MATERIAL as shader code with textures, weights, test vectors and a manifest."""
    from neumat.materials.neural import NeuralMaterial
    from neumat.pipelines.load import load
    from neumat.shading.package import compile_material

    screen = _screen(quiet, as_json)
    neural = load(material)
    if not isinstance(neural, NeuralMaterial):
        raise InputError(f"{material}: is no neural material; fit one first: neumat fit {material} -o X.neumat")
    with screen.progress() as progress:
        folder = compile_material(neural, output, targets=_target_names(targets), weights=weights, progress=progress)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    screen.say(f"{folder}: {len(files)} files, see manifest.json")
    if as_json:
        screen.json({"folder": str(folder), "files": files})


@cli.command()
@click.argument("material", type=click.Path(path_type=Path))
@_output
@_scene
@click.option("--compare", is_flag=True, help="Neural, PBR and their difference side by side, with the PSNR.")
@click.option(
    "--mode", type=click.Choice(["neural", "pbr", "marched"]), default="neural", show_default=True,
    help="What is shown of the material.",
)  # fmt: skip
@_reading
@_talk
def render(material: Path, output: Path, compare: bool, mode: str, quiet: bool, as_json: bool, **values: Any) -> None:
    """Render MATERIAL (.neumat, folder of maps, .glb) on a mesh under a probe, to PNG or EXR."""
    from neumat.pipelines.load import load
    from neumat.pipelines.picture import check_path, render_comparison, render_picture

    screen = _screen(quiet, as_json)
    reading = _read(values)
    options = _picture(values, mode)
    check_path(output, (".png",) if compare else (".png", ".exr"))
    loaded = load(material, reading)
    with screen.progress() as progress:
        run = render_comparison if compare else render_picture
        picture = run(loaded, output, options, progress=progress)
    for note in picture.notes:
        screen.remark(f"note: {note}")
    measured = "" if picture.psnr is None else f"  PBR against neural: {picture.psnr:.1f} dB"
    screen.say(f"{output}{measured}")
    if as_json:
        screen.json({"path": str(output), "psnr": picture.psnr, "notes": list(picture.notes)})


@cli.command()
@click.argument("material", type=click.Path(path_type=Path))
@_output
@click.option("--to", "target", type=click.Choice(["gltf"]), default="gltf", show_default=True, help="Format.")
@click.option("--mesh", default="sphere", show_default=True, help="glTF, OBJ, PLY, STL, or sphere, plane.")
@click.option("--tile-size", type=float, help="Metres that one texture covers on the mesh.")
@click.option("--repeats", type=float, default=1.0, show_default=True, help="Repeats of the texture for one UV.")
@_reading
@_talk
def export(
    material: Path, output: Path, target: str, mesh: str, tile_size: float | None, repeats: float, quiet: bool,
    as_json: bool, **values: Any,
) -> None:  # fmt: skip
    """Pack MATERIAL on a mesh into one .glb: PBR for every viewer, the neural layer as an extension."""
    from neumat.exporters.gltf import export_gltf
    from neumat.pipelines.load import load

    screen = _screen(quiet, as_json)
    loaded = load(material, _read(values))
    with screen.progress() as progress:
        path = export_gltf(loaded, output, mesh=mesh, repeats=repeats, tile_size=tile_size, progress=progress)
    screen.say(f"{path}: {path.stat().st_size / 1e6:.1f} MB, {target}")
    if as_json:
        screen.json({"path": str(path), "bytes": path.stat().st_size})


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@_reading
@_talk
def info(path: Path, quiet: bool, as_json: bool, **values: Any) -> None:
    """Tell what PATH is: a folder of maps, a .glb or a .neumat, and what was found and assumed."""
    from neumat.pipelines.info import info as run

    screen = _screen(quiet, as_json)
    data, rows = run(path, _read(values))
    if as_json:
        screen.json(data)
    screen.findings(rows, str(path))


@cli.command()
@click.option("-o", "--output", default=Path("out"), show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--resolution", type=int, default=256, show_default=True, help="Pixels across the texture.")
@click.option("--budget", type=float, help="Most seconds of training for each form.")
@_talk
@click.pass_context
def demo(
    context: click.Context, output: Path, resolution: int, budget: float | None, quiet: bool, as_json: bool
) -> None:
    """Run the main job on the example cobblestone (from the examples folder, else made on the spot)."""
    from neumat.pipelines.demo import demo_sources

    source, mesh, probe = demo_sources(output)
    context.invoke(
        make, source=source, output=output, form="hybrid", network=None, resolution=resolution, budget=budget,
        steps="16+12", seed=0, device="auto", both_forms=True, targets=None, mesh=mesh, probe=probe, size="512",
        samples=64, tile_size=None, repeats=4.0, tone_map="agx", exposure=0.6, azimuth=35.0, elevation=20.0,
        rotate_probe=0.0, height_scale=None, normal_format="auto", tileable=None, physical_size=None, quiet=quiet,
        as_json=as_json,
    )  # fmt: skip


def _show_findings(screen: Any, maps: Any) -> None:
    rows = [(f.what, f.value, ("assumed: " if f.assumed else "") + f.how) for f in maps.findings]
    screen.findings(rows, maps.name)


def _show_report(screen: Any, report: dict[str, Any]) -> None:
    from neumat.pipelines.report import cost_table, quality_table

    quality = report["quality"]
    form = report["fit"].get("form", "")
    title = f"\n{report['name']} {form}: dB against the truth, {quality['taps']} look-up a pixel"
    screen.table(quality_table(quality), title=title)
    screen.say(f"noise floor of the truth {quality['noise_floor']:.1f} dB")
    screen.table(cost_table(report["cost"]), title=f"\n{form}: cost, {report['cost']['parameters']:,} parameters")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of neumat are one line on standard error and exit code 2."""
    try:
        cli.main(args=arguments, prog_name="neumat", standalone_mode=False)
    except NeumatError as error:
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        context = error.ctx if isinstance(error, click.UsageError) else None
        _fail(f"{error.format_message()} (see {context.command_path if context else 'neumat'} --help)", 2)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped; nothing was left half-written", 130)
    except MemoryError:
        _fail("not enough memory; try a smaller --resolution or --size", 2)
    except OSError as error:
        if os.environ.get("NEUMAT_TRACEBACK"):
            raise
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}", 2)
    except Exception as error:  # a fault of neumat, not of the user: still one line
        if os.environ.get("NEUMAT_TRACEBACK"):
            raise
        hint = "please report it; NEUMAT_TRACEBACK=1 shows where"
        _fail(f"internal error, {type(error).__name__}: {error} ({hint})", 70)


def _fail(message: str, code: int) -> None:
    line = " ".join(message.split())
    # Names of files may hold escape sequences.
    sys.stderr.write("neumat: " + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line) + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
