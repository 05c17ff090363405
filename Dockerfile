# syntax=docker/dockerfile:1
# One image for every process of vrelocate: `vrelocate serve`, `vrelocate worker`, `vrelocate db upgrade`, and the
# simulated vCenter for those who have none to try it on. docker-compose.yml says which container runs what.

FROM golang:1.26.5-bookworm AS simulator
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
WORKDIR /src
COPY simulator/go.mod simulator/go.sum ./
RUN go mod download
COPY simulator/ ./
RUN go build -trimpath -buildvcs=false -o /out/vrelocate-vcsim ./cmd/vrelocate-vcsim

FROM python:3.13.16-slim-bookworm AS wheels
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/run.txt requirements/build.txt requirements/
RUN pip wheel --require-hashes --wheel-dir /wheels --requirement requirements/run.txt \
 && pip install --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY app/ app/
COPY workers/ workers/
COPY migrations/ migrations/
RUN pip wheel --no-build-isolation --no-deps --wheel-dir /wheels .

FROM python:3.13.16-slim-bookworm
# Logs go out line by line; nothing is compiled at run time, for the root file system is read-only there.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-index --no-cache-dir --no-deps --compile --root-user-action=ignore /wheels/*.whl
COPY --from=simulator /out/vrelocate-vcsim /usr/local/bin/
COPY simulator/scenarios/ /usr/share/vrelocate/scenarios/
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vrelocate
USER 10001:10001
EXPOSE 8080
CMD ["vrelocate", "--help"]
