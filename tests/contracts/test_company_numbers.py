"""The register of companies: a number each, from one sequence, whoever asks and however often."""

import json
import random
import threading

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from dispatch.adapters.company_numbers_memory import MemoryCompanyNumbers
from dispatch.adapters.postgres.company_numbers import PostgresCompanyNumbers
from dispatch.adapters.postgres.migrate import migrate
from dispatch.application.ports.registers import CompanyNumber, NumberTaken
from ledgers import new_id
from processes import released_at_once, start_owner

pytestmark = pytest.mark.acceptance("X12", part="numbers come from a sequence: none twice, none for one company twice")
PROCESSES, COMPANIES = 6, 400


@pytest.fixture
def memory_numbers():
    return MemoryCompanyNumbers()


@pytest.fixture
def postgres_numbers(database_url):
    migrate(database_url)
    with ConnectionPool(database_url, min_size=1, max_size=6) as pool:
        yield PostgresCompanyNumbers(pool)


@pytest.fixture(params=["memory_numbers", pytest.param("postgres_numbers", marks=pytest.mark.postgres)])
def numbers(request):
    return request.getfixturevalue(request.param)


def asked(*companies):
    return [(new_id(), company) for company in companies]


def given_out(answers):
    return [got.number for got in answers.values()]


def test_new_companies_get_the_next_numbers_in_the_order_in_which_they_are_asked_for(numbers):
    assert given_out(numbers.allocate(asked("b.example", "a.example"))) == [1, 2]
    assert given_out(numbers.allocate(asked("c.example"))) == [3]


def test_asking_again_gives_the_same_and_draws_nothing(numbers):
    first = asked("a.example", "b.example")
    before = numbers.allocate(first)
    assert [numbers.allocate(first) for _ in range(3)] == [before] * 3
    assert given_out(numbers.allocate(asked("new.example"))) == [3], "no number was drawn in between"


def test_a_company_that_is_known_keeps_its_number_and_says_for_which_job_it_was_given(numbers):
    [(first, company)] = asked("a.example")
    later, also = new_id(), new_id()
    numbers.allocate([(first, company)])
    assert numbers.allocate([(later, company), (also, company)]) == dict.fromkeys(
        [later, also], CompanyNumber(1, first)
    )


def test_of_two_jobs_for_one_company_in_one_call_the_first_has_it(numbers):
    one, two = new_id(), new_id()
    assert numbers.allocate([(one, "a.example"), (two, "a.example")]) == dict.fromkeys(
        [one, two], CompanyNumber(1, one)
    )


def test_nothing_asked_nothing_answered(numbers):
    assert numbers.allocate([]) == {}


def set_last(database_url, last):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT setval('intake.company_numbers_seq', %s)", (last,))


def nearly_used_up(request, form, left):
    if form == "memory":
        numbers = MemoryCompanyNumbers(number_max=left)
    else:
        numbers = request.getfixturevalue("postgres_numbers")
        set_last(request.getfixturevalue("database_url"), 99_999 - left)
    return numbers


@pytest.mark.parametrize("form", ["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_at_the_end_of_the_sequence_as_many_are_served_as_there_are_and_the_others_get_none(request, form):
    numbers = nearly_used_up(request, form, left=2)
    four = asked("a.example", "b.example", "c.example", "d.example")
    for _ in range(2):
        answers = numbers.allocate(four)
        assert [got is None for got in answers.values()] == [False, False, True, True]
    known = numbers.allocate([(new_id(), "a.example"), (new_id(), "new.example")])
    assert [got is None for got in known.values()] == [False, True], "who is known is known at the end, too"


@pytest.mark.postgres
def test_the_last_number_has_five_digits(postgres_numbers, database_url):
    set_last(database_url, 99_998)
    assert given_out(postgres_numbers.allocate(asked("a.example"))) == [99_999]


@pytest.mark.postgres
def test_a_number_that_somebody_wrote_down_by_hand_is_an_error_and_nothing_is_given_out(postgres_numbers, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO intake.company_numbers (company, number, job_id) VALUES ('hand.example', 2, %s)", (new_id(),)
        )
    two = asked("a.example", "b.example")
    with pytest.raises(NumberTaken):
        postgres_numbers.allocate(two)
    assert given_out(postgres_numbers.allocate(two)) == [3, 4], "1 and 2 were drawn and are left out"


@pytest.mark.postgres
def test_a_transaction_that_breaks_leaves_a_gap_and_nobody_with_its_number(postgres_numbers, database_url):
    with psycopg.connect(database_url) as broken:
        broken.execute("SELECT nextval('intake.company_numbers_seq')")
        broken.rollback()
    assert given_out(postgres_numbers.allocate(asked("a.example"))) == [2]


@pytest.mark.postgres
@pytest.mark.timeout(120)
def test_many_processes_at_once_give_every_company_one_number_and_no_number_twice(database_url):
    """Each asks for all companies, in an order and in chunks of its own, some chunks twice."""
    migrate(database_url)
    owners = [
        start_owner(
            """
            import json, random, sys, uuid
            from psycopg_pool import ConnectionPool
            from dispatch.adapters.postgres.company_numbers import PostgresCompanyNumbers
            url, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
            chance = random.Random(seed)
            companies = [f"company-{number}.example" for number in range(count)]
            chance.shuffle(companies)
            got = {}
            with ConnectionPool(url, min_size=1, max_size=2) as pool:
                numbers = PostgresCompanyNumbers(pool)
                print("ready", flush=True)
                sys.stdin.readline()
                while companies:
                    chunk = [(str(uuid.uuid4()), company) for company in companies[: chance.randint(1, 40)]]
                    del companies[: len(chunk)]
                    for _ in range(chance.randint(1, 2)):
                        answers = numbers.allocate(chunk)
                    got |= {company: answers[job].number for job, company in chunk}
            print(json.dumps(got), flush=True)
            """,
            database_url, seed, COMPANIES,
        )
        for seed in range(PROCESSES)
    ]  # fmt: skip
    answers = [json.loads(line) for line in released_at_once(owners)]
    assert all(answer == answers[0] for answer in answers), "every process was told the same"
    assert sorted(answers[0].values()) == list(range(1, COMPANIES + 1)), (
        "no number twice, and no gap without an accident"
    )


@pytest.mark.postgres
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    chunks=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), min_size=1, max_size=12), seed=st.integers()
)
def test_whatever_is_asked_in_whatever_order_by_several_at_once(postgres_numbers, chunks, seed):
    """Property: the register is a function from companies to numbers, one to one, for ever."""
    chance, prefix = random.Random(seed), new_id()
    told: list[tuple[str, int]] = []
    lock = threading.Lock()

    def ask(own):
        for chunk in own:
            pairs = [(new_id(), f"{prefix}-{company}") for company in chunk]
            answers = postgres_numbers.allocate(pairs)
            with lock:
                told.extend((company, answers[job].number) for job, company in pairs)

    shares = [[], [], []]
    for chunk in chunks:
        for share in chance.sample(shares, k=chance.randint(1, 3)):
            share.append(chunk)
    threads = [threading.Thread(target=ask, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({company for company, _ in told}) == len({number for _, number in told}) == len(set(told))
