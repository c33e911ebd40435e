"""Waits that double, with the time passed in."""

from auricle.engines.patience import Policy, Rest


def test_an_engine_that_failed_is_left_alone_for_60_s_and_then_for_twice_as_long() -> None:
    now = [0.0]
    rest = Rest(clock=lambda: now[0])
    assert rest.over
    assert not rest.needed
    waits = []
    for _ in range(4):
        waits.append(rest.begin())
        now[0] += waits[-1] - 1
        assert not rest.over
        now[0] += 1
        assert rest.over
    assert waits == [60, 120, 240, 480]


def test_failures_during_a_rest_do_not_make_it_longer() -> None:
    now = [0.0]
    rest = Rest(clock=lambda: now[0])
    assert rest.begin() == 60
    now[0] = 20
    assert rest.begin() == 40
    now[0] = 60
    assert rest.begin() == 120


def test_an_answer_ends_the_rest_and_the_next_is_short_again() -> None:
    now = [0.0]
    rest = Rest(clock=lambda: now[0])
    rest.begin()
    now[0] = 60
    rest.begin()
    rest.end()
    assert rest.over
    assert not rest.needed
    assert rest.begin() == 60


def test_a_rest_is_an_hour_at_most() -> None:
    now = [0.0]
    rest = Rest(clock=lambda: now[0])
    for _ in range(2_000):
        now[0] += rest.begin()
    assert rest.begin() == 3_600


def test_a_broken_process_is_probed_like_that_too() -> None:
    assert [Policy().probe_s(failures) for failures in (1, 2, 3, 7, 500)] == [60, 120, 240, 3_600, 3_600]
    assert [Policy().backoff_s(deaths, 0.5) for deaths in (1, 2, 3, 12)] == [0.25, 0.5, 1.0, 30.0]
