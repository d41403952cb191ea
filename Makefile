# ntkgan: `make demo`, `make test`; `make help` lists the rest. Settings: command line, environment or config.mk (see `make configure`).
-include config.mk

# --- what a user may override ---------------------------------------------------------------------------------------------------
PREFIX    ?= /usr/local
BUILD     ?= build
MPICC     ?= mpicc
PYTHON    ?= $(firstword $(wildcard /usr/bin/python3) python3)
PKGCONFIG ?= pkg-config
OPT       ?= -O2 -g
WARN      ?= -Wall -Wextra -Wpedantic -Wshadow -Wconversion
V         ?= 0

# First pkg-config name that exists of a list, e.g. $(call first-of,hdf5-openmpi hdf5).
first-of   = $(firstword $(foreach p,$(1),$(shell $(PKGCONFIG) --exists $(p) 2>/dev/null && echo $(p))))
HDF5_PC      ?= $(call first-of,hdf5-openmpi hdf5-mpi hdf5)
SCALAPACK_PC ?= $(call first-of,scalapack-openmpi scalapack mkl-dynamic-lp64-seq)
BLAS_PC      ?= $(call first-of,openblas flexiblas blas)
ELPA_PC      ?= $(call first-of,elpa)
PACKAGES      = $(HDF5_PC) $(SCALAPACK_PC) $(BLAS_PC) $(call first-of,yaml-0.1) $(call first-of,libxxhash) $(call first-of,zlib) $(ELPA_PC)

DEP_CFLAGS ?= $(shell $(PKGCONFIG) --cflags $(PACKAGES) 2>/dev/null)
DEP_LIBS   ?= $(shell $(PKGCONFIG) --libs $(PACKAGES) 2>/dev/null)

# --- the build ----------------------------------------------------------------------------------------------------------------------
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Isrc $(if $(ELPA_PC),-DNTK_HAVE_ELPA)
CFLAGS   += -std=c11 -fopenmp-simd $(OPT) $(WARN) -fvisibility=hidden
LIBS      = -lhdf5_hl $(DEP_LIBS) -lm -lpthread

sources  := $(sort $(wildcard src/*/*.c))
engine   := $(sort $(wildcard src/kernel/tile/*.c))
isas     := $(shell $(MPICC) -dumpmachine 2>/dev/null | grep -q '^x86_64' && echo x86_64 x86_64_v3 x86_64_v4 || echo generic)

isa-flags-generic   =
isa-flags-x86_64    = -march=x86-64
isa-flags-x86_64_v3 = -march=x86-64-v3
isa-flags-x86_64_v4 = -march=x86-64-v4 -mprefer-vector-width=512
# Only the tile loops: no errno, no traps, contraction on; NaN checks live elsewhere. Not -ffast-math (it would set flush-to-zero when linking).
tile-flags = -O3 -fno-math-errno -fno-trapping-math -fno-signed-zeros -ffinite-math-only -ffp-contract=fast -fopenmp-simd

objects := $(sources:src/%.c=$(BUILD)/obj/%.o) $(foreach i,$(isas),$(engine:src/kernel/tile/%.c=$(BUILD)/obj/kernel/tile/%.$(i).o))
library := $(filter-out $(BUILD)/obj/cli/main.o,$(objects))

units   := $(sort $(wildcard tests/unit/*.c))
programs := $(units:tests/unit/%.c=$(BUILD)/tests/%)

quiet = $(if $(filter 1,$(V)),,@printf '  %-4s %s\n' $(1) $@;)

all: $(BUILD)/ntkgan
lib: $(BUILD)/libntkgan.a

$(BUILD)/ntkgan: $(BUILD)/obj/cli/main.o $(BUILD)/libntkgan.a
	$(call quiet,LD)$(MPICC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libntkgan.a: $(library)
	$(call quiet,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: src/%.c | deps
	@mkdir -p $(@D)
	$(call quiet,CC)$(MPICC) $(CPPFLAGS) $(DEP_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define isa-rule
$(BUILD)/obj/kernel/tile/%.$(1).o: src/kernel/tile/%.c | deps
	@mkdir -p $$(@D)
	$$(call quiet,CC)$$(MPICC) $$(CPPFLAGS) $$(DEP_CFLAGS) $$(CFLAGS) $$(tile-flags) $$(isa-flags-$(1)) -DNTK_ISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(isas),$(eval $(call isa-rule,$(i))))

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libntkgan.a
	@mkdir -p $(@D)
	$(call quiet,CC)$(MPICC) $(CPPFLAGS) -Itests $(DEP_CFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(BUILD)/libntkgan.a $(LIBS) -lcmocka

# Which instruction sets the tile loops were built for; the dispatcher (src/kernel) must know.
$(BUILD)/obj/kernel/isa.o: CPPFLAGS += $(foreach i,$(isas),-DNTK_ISA_$(i))

deps: ; @:

clean:
	rm -rf $(BUILD)

print-%:
	@echo '$* = $($*) ($(origin $*))'

-include $(objects:.o=.d) $(programs:=.d)
.PHONY: all lib deps clean
.SECONDARY:
