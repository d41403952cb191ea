#include "cli/cli.h"
#include "data/lattice.h"
#include "gan/discriminator.h"
#include "gan/flow.h"
#include "gan/loss.h"
#include "metric/metric.h"

const ntk_catalog *ntk_cli_catalog(void) {
  static ntk_choices kinds[13]; /* filled alike by every call */
  static ntk_catalog catalog = {0, kinds};
  const ntk_choices *all[] = {ntk_network_choices(),        ntk_activation_choices(), ntk_layer_choices(),  ntk_loss_choices(),
                              ntk_generator_choices(),      ntk_data_choices(),       ntk_metric_choices(), ntk_integrator_choices(),
                              ntk_optimizer_choices(),      ntk_annealing_choices(),  ntk_start_choices(),  ntk_lattice_choices(),
                              ntk_generator_start_choices()};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) kinds[i] = *all[i];
  catalog.count = sizeof all / sizeof *all;
  return &catalog;
}
