"""Settings of the endpoint: how much a client may ask for, for how long, and how many at once.

The numbers are those of reference/security.md 2.4 but for the cost: pages of a hundred of the documented lists cost up
to 8,406, so it is 10,000 and not 5,000.
"""

from pydantic import Field
from pydantic_settings import BaseSettings


class EndpointSettings(BaseSettings):
    """What one operation, one request and one connection may take."""

    query_depth: int = Field(default=10, ge=4, le=50, description="Levels that an operation may be nested, at most")
    query_cost: int = Field(
        default=10_000, ge=100, description="What an operation may cost: objects and fields, times the pages' lengths"
    )
    query_aliases: int = Field(default=15, ge=0, le=1000, description="Aliases in one operation, at most")
    query_root_fields: int = Field(default=10, ge=1, le=100, description="Fields at the root of one operation, at most")
    query_directives: int = Field(default=10, ge=0, le=100, description="Directives in one operation, at most")
    query_fields: int = Field(default=400, ge=100, le=10_000, description="Fields that one operation selects, at most")
    query_tokens: int = Field(
        default=2_000, ge=500, le=50_000, description="Tokens of a document of operations, at most; more is not parsed"
    )
    query_authentications: int = Field(
        default=1, ge=1, le=10, description="Mutations of one operation that ask who somebody is, at most"
    )
    query_seconds: float = Field(
        default=60.0, ge=0.1, le=3600, description="Seconds after which a query is given up; mutations are not"
    )
    statement_seconds: float = Field(
        default=10.0,
        ge=0.1,
        le=600,
        description="Seconds after which PostgreSQL gives up a statement; acts on a whole province have more",
    )
    body_bytes: int = Field(
        default=1_048_576, ge=65_536, le=16_777_216, description="Bytes of the body of an operation, at most"
    )
    body_seconds: float = Field(
        default=15.0, ge=0.1, le=600, description="Seconds in which the body of an operation must have arrived"
    )
    most_running: int = Field(
        default=8, ge=1, le=10_000, description="Operations that run at once in a process; others wait for their turn"
    )
    most_saving: int = Field(
        default=100, ge=1, le=10_000, description="Saves of answers that run at once in a process, beside the others"
    )
    most_waiting: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="Operations of one kind (saves, submissions, others) that wait for a turn; one more is told to "
        "come again",
    )
    longest_wait_seconds: float = Field(
        default=2.0,
        ge=0.1,
        le=60,
        description="Seconds that an operation waits for its turn; then it is told to come again",
    )
    head_seconds: float = Field(
        default=10.0, ge=0.1, le=600, description="Seconds in which a request's line and headers must have arrived"
    )
    upload_seconds: float = Field(
        default=120.0, ge=0.1, le=3600, description="Seconds in which an uploaded file must have arrived"
    )
    bank_file_megabytes: int = Field(
        default=50,
        ge=1,
        le=200,
        description="Megabytes of a bank file that an author uploads, at most; reading one takes several times as much "
        "memory, and one is read at a time",
    )
    upload_megabytes: int = Field(
        default=200, ge=10, le=100_000, description="Megabytes that the uploads of one account come to, at most"
    )
    live_seconds: float = Field(
        default=2.0, ge=0.1, le=60, description="Seconds between two looks at a sitting that somebody watches live"
    )
    live_connections: int = Field(
        default=200, ge=0, le=10_000, description="WebSocket connections that a process serves, at most; 0: none"
    )
    live_connections_per_account: int = Field(
        default=5, ge=1, le=100, description="WebSocket connections of one account in a process, at most"
    )
    live_connections_per_address: int = Field(
        default=50, ge=1, le=10_000, description="WebSocket connections from one address in a process, at most"
    )
    live_connections_per_hospital: int = Field(
        default=150,
        ge=1,
        le=10_000,
        description="What `live_connections_per_address` is for the addresses of hospitals (`hospital_addresses`)",
    )
    live_subscriptions: int = Field(
        default=10, ge=1, le=100, description="Subscriptions that run on one WebSocket connection, at most"
    )
    live_init_seconds: float = Field(
        default=10.0, ge=0.1, le=60, description="Seconds in which a WebSocket connection must say whose it is"
    )
    live_idle_seconds: float = Field(
        default=60.0, ge=0.1, le=3600, description="Seconds after which a connection without a subscription is closed"
    )
    live_check_seconds: float = Field(
        default=15.0, ge=0.1, le=300, description="Seconds between two looks at the session and roles of a connection"
    )
    live_message_bytes: int = Field(
        default=65_536, ge=1024, le=1_048_576, description="Bytes of one WebSocket message from a client, at most"
    )
