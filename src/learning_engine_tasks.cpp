#include "core/learning/models/go_nogo.h"
#include "core/learning/models/iowa.h"
#include "core/learning/models/two_step.h"
#include "learning_glue.h"

namespace psyrl {
namespace glue {
using namespace learning;

std::unique_ptr<Engine> make_task(const Setting& s) {
  using Owner = std::unique_ptr<Engine>;
  if (s.model == "two_step") return Owner(new EngineOf<TwoStep, 4, 6, 7>(s));
  if (s.model == "go_nogo") return Owner(new EngineOf<GoNogo, 4, 6>(s));
  if (s.model == "pvl_delta") return Owner(new EngineOf<PvlDelta, 4>(s));
  if (s.model == "pvl_decay") return Owner(new EngineOf<PvlDecay, 4>(s));
  if (s.model == "vpp") return Owner(new EngineOf<Vpp, 8>(s));
  if (s.model == "orl") return Owner(new EngineOf<Orl, 5>(s));
  return nullptr;
}

}  // namespace glue
}  // namespace psyrl
