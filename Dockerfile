# Images for training on a CPU and for ROS 2. Continuous integration does not build them.
#   docker build --target train -t crl .
#   docker run --rm -it -v "$PWD/runs:/crl/runs" crl train env=door_open
#   docker build --target ros -t crl-ros .

# The wheel is built where there is a C compiler, for its kernel.
FROM python:3.11 AS wheel
WORKDIR /opt/crl
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim AS train
# For films without a display (EGL).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libegl1 libopengl0 libgl1 libgl1-mesa-dri \
    && rm -rf /var/lib/apt/lists/*
COPY --from=wheel /wheels /wheels
COPY constraints.txt /opt/crl/
# PyTorch from its CPU index: the default one brings about 6 GB of CUDA libraries.
ENV PIP_NO_CACHE_DIR=1 PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu OMP_NUM_THREADS=1
RUN pip install --constraint /opt/crl/constraints.txt /wheels/*.whl
WORKDIR /crl
ENTRYPOINT ["crl"]
CMD ["doctor"]

# ROS 2 as wheels (x86-64), as `make test-ros` installs it. A robot runs its own ROS 2.
FROM train AS ros
COPY ros_ws/src/crl_ros /opt/crl/crl_ros
RUN pip install --constraint /opt/crl/constraints.txt "$(echo /wheels/*.whl)[ros,bags]" /opt/crl/crl_ros
ENTRYPOINT []
CMD ["python", "-m", "crl_ros.bringup", "--help"]
