#include "gram/fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/numbers.h"

/* Tiles of SIDE x SIDE entries on and above the diagonal, each evaluated by one process: number t, counted column by column, by process t modulo processes.
 * Its blocks, and those that are their transposes, go to their owners while the next tile is evaluated. */
enum { BLOCKS = 4, BLOCKS_OF_TILE = BLOCKS * BLOCKS, SIDE = BLOCKS * NTK_GRAM_BLOCK, LINE = 8 };
/* Distance of a tile's rows: rows of a power of two would share few sets of the cache. */
enum { LEADING = SIDE + LINE };

typedef struct {
  size_t row, column; /* in tiles */
} place;

/* What travels in one round: a tile's values to each process, others' from each; counts and offsets in doubles. */
typedef struct {
  double *out, *in;
  int *out_count, *out_offset, *in_count, *in_offset;
  MPI_Request request;
  place first; /* of the round's tiles */
  bool is_open;
} shipment;

typedef struct {
  ntk_gram *gram;
  const ntk_kernel *kernel;
  const ntk_prepared *z;
  ntk_workspace *workspace;
  double *root, *tile; /* square roots of the masses or NULL; SIDE x LEADING */
  size_t side;         /* tiles a side */
  shipment shipments[2];
  ntk_error *failure; /* the first of this process; the exchange goes on */
} filling;

static size_t extent(const filling *f, size_t start, size_t most) { return start < f->gram->n ? ntk_min_size(most, f->gram->n - start) : 0; }

static void step(place *p) {
  if (p->row++ == p->column) p->row = 0, p->column++;
}

/* Process of the grid that owns a block. */
static int owner(const filling *f, size_t row, size_t column) {
  const ntk_grid *grid = &f->gram->grid;
  return (int)(row % (size_t)grid->rows) * grid->columns + (int)(column % (size_t)grid->columns);
}

/* First number of a block in its owner's array. */
static double *home(const ntk_gram *gram, size_t row, size_t column) {
  size_t i = row / (size_t)gram->grid.rows * NTK_GRAM_BLOCK, j = column / (size_t)gram->grid.columns * NTK_GRAM_BLOCK;
  return gram->a + j * gram->leading + i;
}

/* A block of a tile, rows x columns at (row, column) in blocks of the whole matrix; values row by row, `ld` apart. */
typedef struct {
  size_t row, column, rows, columns;
  const double *values;
  size_t ld;
} block;

/* The blocks of a tile that `process` owns, or whose transposes it owns, in a fixed order; `k` < BLOCKS_OF_TILE goes on. False: no more. */
static bool next_block(const filling *f, place tile, int process, size_t *k, block *b) {
  for (; *k < BLOCKS_OF_TILE; ++*k) {
    size_t i = *k / BLOCKS, j = *k % BLOCKS;
    b->row = tile.row * BLOCKS + i, b->column = tile.column * BLOCKS + j;
    b->rows = extent(f, b->row * NTK_GRAM_BLOCK, NTK_GRAM_BLOCK), b->columns = extent(f, b->column * NTK_GRAM_BLOCK, NTK_GRAM_BLOCK);
    if (b->row > b->column || !b->rows || !b->columns) continue;
    if (owner(f, b->row, b->column) != process && owner(f, b->column, b->row) != process) continue;
    b->values = f->tile + (i * LEADING + j) * NTK_GRAM_BLOCK, b->ld = LEADING;
    ++*k;
    return true;
  }
  return false;
}

/* LINE columns at a time, so that each line of the cache is read once. */
static void put_transposed(const ntk_gram *gram, const block *b) {
  double *out = home(gram, b->row, b->column);
  for (size_t start = 0; start < b->columns; start += LINE)
    for (size_t i = 0; i < b->rows; i++)
      for (size_t j = start; j < ntk_min_size(start + LINE, b->columns); j++) out[j * gram->leading + i] = b->values[i * b->ld + j];
}

/* Into the own array, which is column by column: as it stands, as its image, or both. */
static void put(const filling *f, const block *b) {
  const ntk_gram *gram = f->gram;
  int me = gram->grid.members.rank;
  if (owner(f, b->column, b->row) == me) {
    double *out = home(gram, b->column, b->row);
    for (size_t i = 0; i < b->rows; i++) memcpy(out + i * gram->leading, b->values + i * b->ld, b->columns * sizeof *out);
  }
  if (b->row != b->column && owner(f, b->row, b->column) == me) put_transposed(gram, b);
}

/* A part of the matrix, wholly on or above the diagonal. */
typedef struct {
  size_t row, rows, column, columns;
} part;

static ntk_error *check(const part *p, const double *values) {
  if (ntk_are_finite(p->rows, p->columns, values, LEADING)) return NULL;
  for (size_t i = 0; i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++)
      if (!isfinite(values[i * LEADING + j]))
        return ntk_fail(NTK_E_NONFINITE, "kernel of points %zu and %zu is not finite", p->row + i, p->column + j);
  return NULL;
}

static void evaluate_part(filling *f, const part *p, double *out) {
  ntk_tile_values(f->kernel, f->workspace, (ntk_tile){f->z, f->z, p->row, p->rows, p->column, p->columns}, out, LEADING);
  for (size_t i = 0; f->root && i < p->rows; i++)
    for (size_t j = 0; j < p->columns; j++) out[i * LEADING + j] *= f->root[p->row + i] * f->root[p->column + j];
  if (!f->failure) f->failure = check(p, out);
}

/* On the diagonal in strips a block high, each from the diagonal on: the upper half of a block counts, the lower becomes its image. */
static void evaluate(filling *f, place tile) {
  part whole = {tile.row * SIDE, extent(f, tile.row * SIDE, SIDE), tile.column * SIDE, extent(f, tile.column * SIDE, SIDE)};
  if (tile.row != tile.column) evaluate_part(f, &whole, f->tile);
  for (size_t k = 0; tile.row == tile.column && k < whole.rows; k += NTK_GRAM_BLOCK) {
    part strip = {whole.row + k, ntk_min_size(NTK_GRAM_BLOCK, whole.rows - k), whole.column + k, whole.columns - k};
    double *out = f->tile + k * LEADING + k;
    evaluate_part(f, &strip, out);
    for (size_t i = 0; i < strip.rows; i++)
      for (size_t j = 0; j < i; j++) out[i * LEADING + j] = out[j * LEADING + i];
  }
}

/* Numbers that a tile sends to a process. */
static int volume(const filling *f, place tile, int process) {
  size_t count = 0, k = 0;
  block b;
  while (next_block(f, tile, process, &k, &b)) count += b.rows * b.columns;
  return (int)count;
}

static void pack(const filling *f, place tile, int process, double *out) {
  size_t k = 0;
  block b;
  while (next_block(f, tile, process, &k, &b))
    for (size_t i = 0; i < b.rows; i++, out += b.columns) memcpy(out, b.values + i * b.ld, b.columns * sizeof *out);
}

/* A tile's blocks into the own array: from the tile itself, or from what its process sent (in NULL: itself). */
static void unpack(const filling *f, place tile, const double *in) {
  size_t k = 0;
  block b;
  while (next_block(f, tile, f->gram->grid.members.rank, &k, &b)) {
    if (in) b.values = in, b.ld = b.columns;
    put(f, &b);
    if (in) in += b.rows * b.columns;
  }
}

/* Counts and offsets of a round from what all processes evaluate in it; packs the own tile and starts the exchange. */
static ntk_error *start(filling *f, shipment *s, place first) {
  const ntk_comm *members = &f->gram->grid.members;
  place tile = first, own = first;
  for (int p = 0; p < members->rank; p++) step(&own);
  int out = 0, in = 0;
  s->first = first;
  for (int p = 0; p < members->size; p++, step(&tile)) {
    bool other = p != members->rank;
    s->out_count[p] = other && own.column < f->side ? volume(f, own, p) : 0;
    s->in_count[p] = other && tile.column < f->side ? volume(f, tile, members->rank) : 0;
    s->out_offset[p] = out, s->in_offset[p] = in;
    if (s->out_count[p]) pack(f, own, p, s->out + out);
    out += s->out_count[p], in += s->in_count[p];
  }
  s->is_open = true;
  return ntk_mpi(
      MPI_Ialltoallv(s->out, s->out_count, s->out_offset, MPI_DOUBLE, s->in, s->in_count, s->in_offset, MPI_DOUBLE, members->mpi, &s->request),
      "MPI_Ialltoallv");
}

/* Ends a round's exchange and takes what came. */
static ntk_error *finish(filling *f, shipment *s) {
  const ntk_comm *members = &f->gram->grid.members;
  place tile = s->first;
  if (!s->is_open) return NULL;
  s->is_open = false;
  NTK_TRY(ntk_mpi(MPI_Wait(&s->request, MPI_STATUS_IGNORE), "MPI_Wait"));
  for (int p = 0; p < members->size; p++, step(&tile))
    if (s->in_count[p]) unpack(f, tile, s->in + s->in_offset[p]);
  return NULL;
}

static ntk_error *rounds(filling *f) {
  const ntk_comm *members = &f->gram->grid.members;
  place first = {0, 0};
  for (size_t round = 0; first.column < f->side; round++) {
    place own = first;
    for (int p = 0; p < members->rank; p++) step(&own);
    if (own.column < f->side) {
      evaluate(f, own);
      unpack(f, own, NULL);
    }
    if (members->size > 1) {
      NTK_TRY(finish(f, &f->shipments[(round + 1) % 2]));
      NTK_TRY(start(f, &f->shipments[round % 2], first));
    }
    for (int p = 0; p < members->size; p++) step(&first);
  }
  NTK_TRY(finish(f, &f->shipments[0]));
  return finish(f, &f->shipments[1]);
}

/* Numbers that a process receives in its fullest round. */
static size_t most_received(const filling *f) {
  const ntk_comm *members = &f->gram->grid.members;
  size_t most = 0;
  place tile = {0, 0};
  while (tile.column < f->side) {
    size_t here = 0;
    for (int p = 0; p < members->size && tile.column < f->side; p++, step(&tile))
      if (p != members->rank) here += (size_t)volume(f, tile, members->rank);
    if (here > most) most = here;
  }
  return most;
}

static ntk_error *allocate_shipment(const filling *f, size_t received, shipment *s) {
  size_t processes = (size_t)f->gram->grid.members.size;
  NTK_TRY(NTK_NEW((size_t)2 * SIDE * SIDE, &s->out)); /* a block goes to two processes at most */
  NTK_TRY(NTK_NEW(received, &s->in));
  NTK_TRY(NTK_NEW(processes, &s->out_count));
  NTK_TRY(NTK_NEW(processes, &s->out_offset));
  NTK_TRY(NTK_NEW(processes, &s->in_count));
  return NTK_NEW(processes, &s->in_offset);
}

static ntk_error *allocate(filling *f, const double *mass) {
  size_t n = f->gram->n;
  NTK_TRY(ntk_workspace_create(f->kernel, &f->workspace));
  NTK_TRY(NTK_NEW((size_t)SIDE * LEADING, &f->tile));
  if (mass) NTK_TRY(NTK_NEW(n, &f->root));
  for (size_t i = 0; mass && i < n; i++) f->root[i] = sqrt(mass[i]);
  if (f->gram->grid.members.size == 1) return NULL;
  size_t received = most_received(f);
  NTK_TRY(allocate_shipment(f, received, &f->shipments[0]));
  return allocate_shipment(f, received, &f->shipments[1]);
}

static void release(filling *f) {
  ntk_workspace_free(&f->workspace);
  free(f->tile);
  free(f->root);
  for (shipment *s = f->shipments; s < f->shipments + 2; s++) {
    void *arrays[] = {s->out, s->in, s->out_count, s->out_offset, s->in_count, s->in_offset};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
  }
}

ntk_error *ntk_gram_fill(ntk_gram *gram, const ntk_kernel *kernel, const ntk_prepared *z, const double *mass) {
  const ntk_comm *members = &gram->grid.members;
  filling f = {.gram = gram, .kernel = kernel, .z = z, .side = (gram->n + SIDE - 1) / SIDE};
  ntk_error *err = NULL;
  NTK_TRY_OUT(ntk_agree(members, allocate(&f, mass)));
  err = rounds(&f);
  err = ntk_agree(members, ntk_error_join(f.failure, err));
out:
  release(&f);
  return err;
}
