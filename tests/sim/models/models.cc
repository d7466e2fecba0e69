#include "tests/sim/models/models.h"

#include "tests/sim/models/nexus_model.h"
#include "tests/sim/models/pekko_model.h"
#include "tests/sim/models/protoactor_model.h"
#include "tests/sim/models/swim_model.h"

namespace nexus::sim {
namespace {

struct Named {
  const char* name;
  std::unique_ptr<Model> (*make)();
};

constexpr Named kModels[] = {
    {"nexus", make_nexus_model},
    {"swim", make_swim_model},
    {"pekko", make_pekko_model},
    {"protoactor", make_protoactor_model},
};

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Named& model : kModels) names.emplace_back(model.name);
  return names;
}

std::unique_ptr<Model> make_model(const std::string& name) {
  for (const Named& model : kModels) {
    if (name == model.name) return model.make();
  }
  return nullptr;
}

}  // namespace nexus::sim
