"""What a target needs: named, known, in no circle, and placed before it."""

import pytest

from tests.config.conftest import Project

LAKE = """
environments:
  prod:
    compute_type: duckdb
    duckdb: {%s}
    storage_type: s3
    s3: {%s}
    catalog_uri: https://polaris.example
    polaris: {%s}
    targets:
    - {service: storage, kind: gcs, name: archive}
    - {service: compute, kind: duckdb, name: scratch, %s}
"""


def lake(duckdb: str = "", s3: str = "", polaris: str = "", scratch: str = "") -> str:
    return LAKE % (duckdb, s3, polaris, scratch)


def test_a_catalog_needs_the_storage_of_its_environment_and_nothing_else_needs_any(project: Project) -> None:
    needs = {name: target.needs for name, target in project.targets(lake()).items()}

    assert needs == {
        "storage-s3": (),
        "storage-archive": (),
        "catalog-polaris": ("prod-storage-s3",),
        "compute-duckdb": (),
        "compute-scratch": (),
    }


def test_where_there_is_no_storage_a_catalog_needs_none(project: Project) -> None:
    assert project.targets("environments: {prod: {catalog_uri: https://p.example}}")["catalog-polaris"].needs == ()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("[]", ()),
        ("[archive]", ("prod-storage-archive",)),
        ("[s3, archive]", ("prod-storage-s3", "prod-storage-archive")),
        ("[storage, s3]", ("prod-storage-s3",)),
        ("[compute]", ("prod-compute-duckdb",)),
    ],
)
def test_services_and_names_can_be_given(project: Project, given: str, meant: tuple[str, ...]) -> None:
    assert project.targets(lake(polaris=f"needs: {given}"))["catalog-polaris"].needs == meant


def test_a_service_means_all_its_targets_where_no_field_declares_one(project: Project) -> None:
    text = """
environments:
  prod:
    targets:
    - {service: storage, kind: gcs, name: one}
    - {service: storage, kind: gcs, name: two}
    - {service: catalog, kind: polaris, uri: https://p.example}
"""
    assert project.targets(text)["catalog-polaris"].needs == ("prod-storage-one", "prod-storage-two")


def test_what_is_needed_comes_first_and_all_else_keeps_its_order(project: Project) -> None:
    targets = project.targets(lake(s3="needs: [scratch]", duckdb="needs: [catalog]"))

    assert list(targets) == ["compute-scratch", "storage-s3", "storage-archive", "catalog-polaris", "compute-duckdb"]


def test_an_unknown_word_is_a_mistake_with_its_place(project: Project) -> None:
    assert project.mistake(lake(duckdb="needs: [catalogue]")) == (
        "floe.yaml:5: environments.prod.duckdb.needs: "
        "'catalogue' is neither a service nor a target of this environment; did you mean 'catalog'?"
    )


def test_a_word_alone_is_no_list(project: Project) -> None:
    assert "duckdb.needs: 'catalog' does not fit; it must be a list" in project.mistake(lake(duckdb="needs: catalog"))


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        (lake(duckdb="needs: [duckdb]"), "prod-compute-duckdb needs prod-compute-duckdb"),
        (lake(s3="needs: [catalog]"), "prod-storage-s3 needs prod-catalog-polaris needs prod-storage-s3"),
        (
            lake(duckdb="needs: [scratch]", scratch="needs: [duckdb]"),
            "prod-compute-duckdb needs prod-compute-scratch needs prod-compute-duckdb",
        ),
    ],
)
def test_a_circle_is_a_mistake(project: Project, text: str, circle: str) -> None:
    mistake = project.mistake(text)

    assert f"{circle}: a circle, in which none can come first; take one of them out of needs" in mistake
    assert ".needs: " in mistake


LAKEHOUSE = """
environments:
  prod:
    compute_type: duckdb
    storage_type: s3
    catalog_uri: https://polaris.example
    targets:
    - {service: storage, kind: gcs, name: archive}
    - {service: storage, kind: s3, name: second}
    - {service: lakehouse, kind: lakehouse, %s}
"""


def test_a_lakehouse_joins_and_needs_what_the_environment_declares(project: Project) -> None:
    lakehouse = project.targets(LAKEHOUSE % "")["lakehouse-lakehouse"]

    assert {service: joined.id for service, joined in lakehouse.joined.items()} == {
        "catalog": "prod-catalog-polaris",
        "storage": "prod-storage-s3",
        "compute": "prod-compute-duckdb",
    }
    assert lakehouse.needs == ("prod-catalog-polaris", "prod-storage-s3", "prod-compute-duckdb")


def test_a_lakehouse_joins_what_it_names(project: Project) -> None:
    lakehouse = project.targets(LAKEHOUSE % "storage: second")["lakehouse-lakehouse"]

    assert lakehouse.joined["storage"].id == "prod-storage-second"
    assert "prod-storage-second" in lakehouse.needs


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (LAKEHOUSE % "storage: secnod", "storage: 'secnod' is the name of no storage here; did you mean 'second'?"),
        (
            LAKEHOUSE % "storage: archive",
            "storage: lakehouse can't join storage archive, which is of kind gcs; name one of kind s3",
        ),
        (
            LAKEHOUSE.replace("storage_type: s3", "storage_type: null") % "",
            "storage: lakehouse joins one storage, and there are archive, second; say which by storage: NAME",
        ),
        (
            LAKEHOUSE.replace("compute_type: duckdb", "compute_type: null") % "",
            "compute: lakehouse joins a compute, and none is declared; declare a compute",
        ),
    ],
)
def test_what_a_lakehouse_cannot_join_is_a_mistake(project: Project, text: str, mistake: str) -> None:
    assert mistake in project.mistake(text)


def test_a_lakehouse_is_declared_under_targets_only(project: Project) -> None:
    text = "environments: {prod: {compute_type: duckdb, lakehouse: {write: true}}}"

    assert "lakehouse: lakehouse can't be declared by a section; write it under targets" in project.mistake(text)


def test_mistakes_in_needs_are_said_beside_all_others(project: Project) -> None:
    assert len(project.mistakes(lake(duckdb="needs: [nothing]", s3="regoin: x"))) == 2
