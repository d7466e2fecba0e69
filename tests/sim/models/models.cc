#include "tests/sim/models/models.h"

#include "tests/sim/models/nexus_model.h"
#include "tests/sim/models/pekko_model.h"
#include "tests/sim/models/protoactor_model.h"
#include "tests/sim/models/swim_model.h"

namespace nexus::sim {
namespace {

struct Named {
  const char* name;
  std::unique_ptr<Model> (*make)(const cluster::PartitionPolicy& policy);
};

template <std::unique_ptr<Model> (*make)()>
std::unique_ptr<Model> without_policy(const cluster::PartitionPolicy&) {
  return make();
}

constexpr Named kModels[] = {
    {"nexus", make_nexus_model},
    {"swim", without_policy<make_swim_model>},
    {"pekko", without_policy<make_pekko_model>},
    {"protoactor", without_policy<make_protoactor_model>},
};

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Named& model : kModels) names.emplace_back(model.name);
  return names;
}

std::unique_ptr<Model> make_model(const std::string& name, const cluster::PartitionPolicy& policy) {
  for (const Named& model : kModels) {
    if (name == model.name) return model.make(policy);
  }
  return nullptr;
}

}  // namespace nexus::sim
