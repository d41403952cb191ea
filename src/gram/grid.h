/** Private to gram/: process grids and the Fortran and BLACS symbols that the room calls. */
#ifndef NTK_GRAM_GRID_H
#define NTK_GRAM_GRID_H

#include <mpi.h>
#include <stddef.h>

#include "base/comm.h"

enum { NTK_GRAM_BLOCK = 64 };

/** A process grid over the first rows*columns ranks of a group, the rest idle: no more processes a side than the matrix has blocks, so that each
 *  process of the grid owns a part. */
typedef struct {
  ntk_comm members;    /* the grid's processes; size 0 on idle ranks */
  int handle, context; /* BLACS; context -1 = none */
  int rows, columns, row, column;
} ntk_grid;

/** As square as `ranks` processes allow for `blocks` x `blocks` blocks: rows <= columns, rows * columns <= ranks as large as possible. */
void ntk_grid_shape(size_t ranks, size_t blocks, int *rows, int *columns);
/** Collective over comm. Release with ntk_grid_free (collective over the members). */
NTK_CHECKED ntk_error *ntk_grid_create(const ntk_comm *comm, size_t blocks, ntk_grid *out);
void ntk_grid_free(ntk_grid *grid);

/** Numbers of n, in blocks dealt round robin from process 0, that process `mine` of `processes` owns. */
size_t ntk_grid_owned(size_t n, int mine, int processes);

int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int *context, const char *order, int rows, int columns);
void Cblacs_gridinfo(int context, int *rows, int *columns, int *row, int *column);
void Cblacs_gridexit(int context);

void descinit_(int *descriptor, const int *m, const int *n, const int *mb, const int *nb, const int *row_source, const int *column_source,
               const int *context, const int *leading, int *info);
/* Symmetric eigenproblems: values ascending; pdsyevd with vectors, pdsyev also without. */
void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia, const int *ja, const int *desc_a, double *w, double *z,
              const int *iz, const int *jz, const int *desc_z, double *work, const int *lwork, int *iwork, const int *liwork, int *info,
              size_t jobz_length, size_t uplo_length);
void pdsyev_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia, const int *ja, const int *desc_a, double *w, double *z,
             const int *iz, const int *jz, const int *desc_z, double *work, const int *lwork, int *info, size_t jobz_length, size_t uplo_length);

#endif
