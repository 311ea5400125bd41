"""Printed programs: one text each, which parses to the same program."""

import pytest
from hypothesis import HealthCheck, given, settings
from lambdapack.random_programs import programs
from lambdapack.toys import PROGRAMS, cholesky, parse_text

from numpywren.lambdapack.check import check


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_printed_programs(program, golden):
    golden(f"{program.name}.txt", str(program))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_printed_programs_parse_to_the_same(program):
    again = parse_text(str(program))
    check(again)
    assert again == program
    assert again.to_json() == program.to_json()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs_print_and_parse_to_the_same(text):
    program = parse_text(text)
    assert parse_text(str(program)) == program
    assert str(parse_text(str(program))) == str(program)


@pytest.mark.parametrize(
    "doc", ["", "One line.", 'Ends with "quotes"', "Three lines.\n\n    Indented \\ more.\nThe last.", '""" inside']
)
def test_docstrings_come_back(doc):
    import dataclasses

    program = dataclasses.replace(cholesky, doc=doc)
    assert parse_text(str(program)).doc == doc
