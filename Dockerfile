# syntax=docker/dockerfile:1
# One image for every role: docker run dispatch:0.1.0 run worker

FROM python:3.13-slim-bookworm AS build
COPY --from=ghcr.io/astral-sh/uv:0.13.8 /uv /usr/local/bin/uv
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/dispatch \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /source
# What dispatch depends on changes less often than dispatch: a layer of its own.
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE ./
COPY src src
RUN --mount=type=cache,target=/root/.cache/uv uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin dispatch \
    && install --directory --owner=dispatch --group=dispatch --mode=0700 /data
COPY --from=build /opt/dispatch /opt/dispatch
COPY samples /samples
ENV PATH=/opt/dispatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DISPATCH_DATA=/data
USER 10001:10001
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["dispatch"]
CMD ["--help"]
