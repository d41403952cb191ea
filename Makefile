# ntkgan: `make demo`, `make test`; `make help` lists the rest. Settings: command line, environment or config.mk (see `make configure`).
VERSION := 0.1.0

-include config.mk

# --- what a user may set --------------------------------------------------------------------------------------------------------
settings := PREFIX BUILD MPICC MPIRUN PYTHON PKGCONFIG OPT WARN CPPFLAGS CFLAGS LDFLAGS \
            HDF5_PC SCALAPACK_PC BLAS_PC YAML_PC XXHASH_PC ZLIB_PC ELPA_PC SUNDIALS_CFLAGS SUNDIALS_LIBS DEP_CFLAGS DEP_LIBS
given    := $(foreach v,$(settings),$(if $(filter command environment,$(firstword $(origin $(v)))),$(v)))

PREFIX    ?= /usr/local
BUILD     ?= build
MPICC     ?= mpicc
MPIRUN    ?= mpirun
# Debian's own Python holds the packages of tools/packages.txt; another one may come first on PATH.
PYTHON    ?= $(firstword $(wildcard /usr/bin/python3) python3)
PKGCONFIG ?= pkg-config
OPT       ?= -O2 -g
WARN      ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion
V         ?= 0

# First pkg-config name that exists of a list, e.g. $(call first-of,hdf5-openmpi hdf5).
first-of      = $(firstword $(foreach p,$(1),$(shell $(PKGCONFIG) --exists $(p) 2>/dev/null && echo $(p))))
HDF5_PC      ?= $(call first-of,hdf5-openmpi hdf5-mpi hdf5)
SCALAPACK_PC ?= $(call first-of,scalapack-openmpi scalapack mkl-dynamic-lp64-seq)
BLAS_PC      ?= $(call first-of,openblas flexiblas blas)
YAML_PC      ?= $(call first-of,yaml-0.1)
XXHASH_PC    ?= $(call first-of,libxxhash)
ZLIB_PC      ?= $(call first-of,zlib)
ELPA_PC      ?= $(call first-of,elpa)
PACKAGES     := $(HDF5_PC) $(SCALAPACK_PC) $(BLAS_PC) $(YAML_PC) $(XXHASH_PC) $(ZLIB_PC) $(ELPA_PC)
# SUNDIALS comes without a pkg-config file. Its headers are those of the system unless SUNDIALS_CFLAGS says otherwise.
SUNDIALS_CFLAGS ?=
SUNDIALS_LIBS   ?= -lsundials_cvode -lsundials_nvecserial

# Given by hand they replace what pkg-config says.
hand_libs  := $(filter command environment file,$(firstword $(origin DEP_LIBS)))
DEP_CFLAGS ?= $(foreach p,$(PACKAGES),$(shell $(PKGCONFIG) --cflags $(p) 2>/dev/null))
DEP_LIBS   ?= $(foreach p,$(PACKAGES),$(shell $(PKGCONFIG) --libs $(p) 2>/dev/null))
# As system headers, so that they give no warnings.
DEP_CFLAGS := $(patsubst -I%,-isystem %,$(DEP_CFLAGS) $(SUNDIALS_CFLAGS))
DEP_LIBS   := $(DEP_LIBS)

# --- the build ------------------------------------------------------------------------------------------------------------------
# CPPFLAGS, CFLAGS and LDFLAGS are the user's and come last, so giving them takes nothing away.
defines := -D_GNU_SOURCE -DNTK_VERSION='"$(VERSION)"' $(if $(ELPA_PC),-DNTK_HAVE_ELPA)
flags   := -std=c11 -fopenmp-simd -fno-math-errno $(OPT) $(WARN) -fvisibility=hidden
compile  = $(MPICC) $(defines) -Iinclude -Isrc $(DEP_CFLAGS) $(flags) $(CPPFLAGS) $(CFLAGS)
link     = $(MPICC) $(flags) $(CFLAGS) $(LDFLAGS)
LIBS     = -lhdf5_hl $(DEP_LIBS) $(SUNDIALS_LIBS) -lm -lpthread

sources  := $(sort $(wildcard src/*/*.c))
headers  := $(sort $(wildcard include/ntkgan/*.h src/*/*.h src/*/*/*.h))
engine   := $(sort $(wildcard src/kernel/tile/*.c))
isas     := $(shell $(MPICC) -dumpmachine 2>/dev/null | grep -q '^x86_64' && echo x86_64 x86_64_v3 x86_64_v4 || echo generic)

isa-flags-generic   =
isa-flags-x86_64    = -march=x86-64
isa-flags-x86_64_v3 = -march=x86-64-v3
isa-flags-x86_64_v4 = -march=x86-64-v4 -mprefer-vector-width=512
# Only the tile loops: no errno, no traps, contraction on; NaN checks live elsewhere. Not -ffast-math (it would set flush-to-zero when linking).
# Vectors of lanes are passed among functions of one file only: how files would pass them to each other (psabi) does not matter.
tile-flags = -O3 -fno-math-errno -fno-trapping-math -fno-signed-zeros -ffinite-math-only -ffp-contract=fast -fopenmp-simd -Wno-psabi

# Tile loops that exist in single precision too (src/kernel/tile/real.h).
single   := chain gaussian

objects := $(sources:src/%.c=$(BUILD)/obj/%.o) $(foreach i,$(isas),$(engine:src/kernel/tile/%.c=$(BUILD)/obj/kernel/tile/%.$(i).o) \
           $(single:%=$(BUILD)/obj/kernel/tile/%.single.$(i).o))
library := $(filter-out $(BUILD)/obj/cli/main.o,$(objects))

units    := $(sort $(wildcard tests/unit/*.c))
programs := $(units:tests/unit/%.c=$(BUILD)/tests/%)

benches     := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
bench-parts := $(patsubst tests/bench/%.c,$(BUILD)/bench/%.o,$(sort $(wildcard tests/bench/parts/*.c)))

quiet = $(if $(filter 1,$(V)),,@printf '  %-4s %s\n' $(1) $@;)

all: $(BUILD)/ntkgan
lib: $(BUILD)/libntkgan.a

$(BUILD)/ntkgan: $(BUILD)/obj/cli/main.o $(BUILD)/libntkgan.a
	$(call quiet,LD)$(link) -o $@ $^ $(LIBS)

$(BUILD)/libntkgan.a: $(library)
	$(call quiet,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags | $(BUILD)/deps
	@mkdir -p $(@D)
	$(call quiet,CC)$(compile) -MMD -MP -c -o $@ $<

define isa-rule
$(BUILD)/obj/kernel/tile/%.$(1).o: src/kernel/tile/%.c $(BUILD)/flags | $(BUILD)/deps
	@mkdir -p $$(@D)
	$$(call quiet,CC)$$(compile) $$(tile-flags) $$(isa-flags-$(1)) -DNTK_ISA=$(1) -MMD -MP -c -o $$@ $$<
$(BUILD)/obj/kernel/tile/%.single.$(1).o: src/kernel/tile/%.c $(BUILD)/flags | $(BUILD)/deps
	@mkdir -p $$(@D)
	$$(call quiet,CC)$$(compile) $$(tile-flags) $$(isa-flags-$(1)) -DNTK_ISA=$(1) -DNTK_SINGLE -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(isas),$(eval $(call isa-rule,$(i))))

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libntkgan.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(compile) -Itests $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libntkgan.a $(LIBS) -lcmocka

$(BUILD)/bench/%: tests/bench/%.c $(bench-parts) $(BUILD)/libntkgan.a $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(compile) -Itests/bench $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(bench-parts) $(BUILD)/libntkgan.a $(LIBS)

$(BUILD)/bench/parts/%.o: tests/bench/parts/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call quiet,CC)$(compile) -Itests/bench -MMD -MP -c -o $@ $<

# Which instruction sets the tile loops were built for; the dispatcher (src/kernel) must know.
$(BUILD)/obj/kernel/isa.o: private defines += $(foreach i,$(isas),-DNTK_ISA_$(i))

# The one object that knows the git revision and the flags. A release without git carries a file REVISION (see `dist`).
$(BUILD)/obj/run/provenance.o: private defines += -DNTK_REVISION='"$(revision)"' -DNTK_FLAGS='"$(subst ",,$(compiled))"'
$(BUILD)/obj/run/provenance.o: $(BUILD)/revision

# What objects depend on beside their source: files that change only when their text does.
revision := $(shell cat REVISION 2>/dev/null || git describe --always --dirty --tags 2>/dev/null || echo unknown)
compiled := $(flags) $(CPPFLAGS) $(CFLAGS)
stamp     = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' >$@
$(BUILD)/flags: always
	$(call stamp,$(compile) $(tile-flags) $(isas) $(LDFLAGS) $(LIBS) $(OMPI_CC) $(MPICH_CC))
$(BUILD)/revision: always
	$(call stamp,$(revision))

# Are compiler, headers and libraries there? Asked once for a set of flags; the message names what to install or set.
$(BUILD)/deps: $(BUILD)/flags tools/check-deps.sh
	@MPICC='$(MPICC)' CFLAGS='$(DEP_CFLAGS) $(CPPFLAGS) $(CFLAGS)' LIBS='$(LDFLAGS) $(LIBS)' ELPA='$(ELPA_PC)' tools/check-deps.sh
	@touch $@

# --- what a user runs -----------------------------------------------------------------------------------------------------------
# These install what is missing before they build. Found libraries are read when a Makefile is parsed, hence the second make.
jobs    = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))
again   = +@$(MAKE) --no-print-directory $(jobs)
results = results/eight-gaussians

demo:
	@tools/install.sh build tools
	$(again) all
	@PYTHON='$(PYTHON)' NTKGAN='$(BUILD)/ntkgan' tools/demo.sh jobs/eight-gaussians.yaml $(results)

test:
	@tools/install.sh build test tools
	$(again) all units
	@$(PYTHON) tests/run --build $(BUILD) --mpirun '$(MPIRUN)'

check:
	@tools/install.sh build test tools
	$(again) all units
	@$(PYTHON) tests/run --build $(BUILD) --mpirun '$(MPIRUN)' --fast

# BENCH="PATTERN ..." chooses groups or operations, BENCH="--long" adds large sizes: see tools/bench.py --help.
bench-setup = BUILD='$(BUILD)' NTKGAN='$(BUILD)/ntkgan' $(PYTHON)
bench:
	@tools/install.sh build tools
	$(again) all $(benches)
	@$(bench-setup) tools/bench.py $(BENCH)

bench-peers:
	@tools/install.sh build tools peers
	$(again) all $(benches) $(BUILD)/peers/ready
	@$(bench-setup) tools/bench_peers.py $(BENCH)

$(BUILD)/peers/ready: tools/bench-peers.txt
	$(call quiet,VENV)$(PYTHON) -m venv --clear $(@D) && $(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

# Random networks beside Neural Tangents; PEERS="--count 200 --images --seed 7" chooses.
check-peers:
	@tools/install.sh build tools peers
	$(again) all $(BUILD)/peers/ready
	@JAX_PLATFORMS=cpu NTKGAN='$(BUILD)/ntkgan' $(BUILD)/peers/bin/python tests/peers/kernels.py $(PEERS)

# What the last `make bench` and `make bench-peers` measured, into README.md.
bench-readme:
	@$(bench-setup) tools/bench_readme.py

# Kills a study at random: so many minutes, or KILLS=500 times; SEED=N repeats what an earlier one drew.
MINUTES ?= 10
torture:
	@tools/install.sh build test tools
	$(again) all
	@NTKGAN='$(abspath $(BUILD))/ntkgan' $(PYTHON) tests/command/torture.py $(if $(KILLS),--kills $(KILLS),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

lint:
	@tools/install.sh build test tools lint
	$(again) -f tools/lint.mk lint-all

# Whether the source compiles for another architecture: nothing is linked, and the libraries' headers are those of this machine.
CROSS ?= aarch64-linux-gnu-gcc
cross:
	@if command -v $(CROSS) >/dev/null; then $(MAKE) --no-print-directory $(jobs) -f tools/lint.mk CROSS=$(CROSS) cross-all; \
	 else echo 'cross: skipped, there is no $(CROSS) (tools/install.sh build cross)'; fi

sanitize:
	@tools/install.sh build test tools lint
	$(again) -f tools/lint.mk sanitize-all

fuzz:
	@tools/install.sh build lint
	$(again) -f tools/lint.mk fuzz-all

# Every single call fails in turn (an hour); `make test` tries a sample.
faults: all
	@FAULTS=all $(PYTHON) tests/run --build $(BUILD) --only test_faults --timeout 7200

format:
	clang-format -i $(sources) $(engine) $(headers) $(units) $(wildcard tests/*.[ch] tests/unit/*.h tests/bench/*.c tests/bench/parts/*.[ch] tests/fuzz/*.[ch] tests/faults/*.c)

units: $(programs) $(benches)

# --- installing -----------------------------------------------------------------------------------------------------------------
share := share/ntkgan
installed := bin/ntkgan lib/libntkgan.a lib/pkgconfig/ntkgan.pc share/man/man1/ntkgan.1 $(patsubst %,include/ntkgan/%,$(notdir $(wildcard include/ntkgan/*.h)))

install: $(BUILD)/ntkgan $(BUILD)/libntkgan.a $(BUILD)/ntkgan.pc $(BUILD)/ntkgan.1
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib/pkgconfig include/ntkgan share/man/man1 $(share)/ntkgan_results $(share)/jobs $(share)/slurm)
	install -m 755 $(BUILD)/ntkgan $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/libntkgan.a $(DESTDIR)$(PREFIX)/lib/
	install -m 644 $(BUILD)/ntkgan.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/
	install -m 644 include/ntkgan/*.h $(DESTDIR)$(PREFIX)/include/ntkgan/
	install -m 644 $(BUILD)/ntkgan.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 README.md CHANGELOG.md LICENSE $(DESTDIR)$(PREFIX)/$(share)/
	install -m 644 jobs/*.yaml $(DESTDIR)$(PREFIX)/$(share)/jobs/
	install -m 644 slurm/*.sbatch $(DESTDIR)$(PREFIX)/$(share)/slurm/
	install -m 755 tools/plot.py $(DESTDIR)$(PREFIX)/$(share)/
	install -m 644 tools/ntkgan_results/*.py $(DESTDIR)$(PREFIX)/$(share)/ntkgan_results/

uninstall:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,$(installed))
	rm -rf $(DESTDIR)$(PREFIX)/$(share)
	-rmdir $(DESTDIR)$(PREFIX)/include/ntkgan

# Link line of the installed library: pkg-config names where they were used, else the flags given by hand.
$(BUILD)/ntkgan.pc: tools/ntkgan.pc.in always
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@REQUIRES@|$(if $(hand_libs),,$(strip $(PACKAGES)))|' \
	  -e 's|@LIBS@|$(if $(hand_libs),$(DEP_LIBS)) $(SUNDIALS_LIBS)|' $< >$@

man: $(BUILD)/ntkgan.1
$(BUILD)/ntkgan.1: $(BUILD)/ntkgan tools/make_man.py
	$(call quiet,MAN)$(PYTHON) tools/make_man.py $< $(VERSION) >$@.new && mv $@.new $@

dist: $(BUILD)/revision
	cp $(BUILD)/revision $(BUILD)/REVISION
	git archive --format=tar.gz --prefix=ntkgan-$(VERSION)/ --add-file=$(BUILD)/REVISION -o $(BUILD)/ntkgan-$(VERSION).tar.gz HEAD
	@echo $(BUILD)/ntkgan-$(VERSION).tar.gz

# --- about the build ------------------------------------------------------------------------------------------------------------
# Keeps the settings given on the command line or in the environment for later calls.
configure:
	@{ echo '# Written by make configure. Settings given to make itself come before these.'; \
	   $(foreach v,$(given),printf '%s ?= %s\n' $(v) '$(subst ','\'',$(value $(v)))';) } >config.mk
	@cat config.mk

info:
	@echo 'ntkgan $(VERSION), revision $(revision)'
	@$(foreach v,$(settings) PACKAGES isas,printf '  %-13s %-44s %s\n' '$(v)' '$(subst ','\'',$(value-of-$(v)))' '($(origin $(v)))';)
	@echo "  compiler      $$($(MPICC) --version 2>/dev/null | head -n 1)"
$(foreach v,$(settings) PACKAGES isas,$(eval value-of-$(v) = $$(strip $$($(v)))))

print-%:
	@echo '$* = $(subst ','\'',$($*)) ($(origin $*))'

clean:
	rm -rf $(BUILD)

help:
	@echo 'make              build $(BUILD)/ntkgan (installs nothing)'
	@echo 'make demo         install what is missing, build, run jobs/eight-gaussians.yaml, draw'
	@echo 'make test         install what is missing, build, run every test; check: the fast ones'
	@echo 'make torture      kill a study at random and check that nothing is lost: MINUTES=10, or KILLS=N; SEED=N'
	@echo 'make bench        time the main operations; bench-peers: beside Neural Tangents and KeOps; bench-readme: both into README.md'
	@echo 'make check-peers  values and gradients of random networks beside those of Neural Tangents'
	@echo 'make lint         static checks; cross: compiles for aarch64; sanitize, fuzz, faults: run-time checks'
	@echo 'make lib          $(BUILD)/libntkgan.a; man: $(BUILD)/ntkgan.1; dist: a release archive'
	@echo 'make install      to PREFIX=$(PREFIX) (DESTDIR= in front); uninstall'
	@echo 'make configure    keep settings in config.mk: make configure MPICC=mpicc HDF5_PC=hdf5'
	@echo 'make info         settings and what was found; print-VAR: one of them; V=1 shows commands'
	@echo 'make format       lay the source out; clean: remove $(BUILD)'
	@echo 'Settings: $(settings)'

always: ;
-include $(objects:.o=.d) $(programs:=.d) $(benches:=.d) $(bench-parts:.o=.d)
.PHONY: all lib units demo test check torture bench bench-peers check-peers bench-readme lint cross sanitize fuzz faults format install uninstall man dist configure info clean help always
.SECONDARY:
.DELETE_ON_ERROR:
