"""The embedded set-up: PostgreSQL and Valkey as child processes, and the one command that runs the product.

    home.py         the folder everything of one copy lives in, and `RuntimeProblem`
    account.py      who the services run as, and where their data may then lie
    process.py      children that die with their parent, and are stopped in order
    keys.py         generated passwords and keys
    postgres.py     the embedded PostgreSQL: make the cluster, start, stop
    provision.py    its roles and its database
    valkey.py       the embedded broker
    keeper.py       the process that owns both, for as long as anyone uses them
    lease.py        how a process joins and leaves
    environment.py  the addresses that the rest of the product reads
    entry.py        what `manage.py` does before Django
    supervisor.py   `make run`
    testing.py      the same services for the tests

Nothing here imports Django: these modules run before settings exist.
"""
