#include "core/learning/models/bandits.h"
#include "learning_glue.h"

namespace psyrl {
namespace glue {
using namespace learning;

std::unique_ptr<Engine> make_forgetting_bandit(const Setting& s) {
  if (s.model != "forgetting_bandit") return nullptr;
  return std::unique_ptr<Engine>(new EngineOf<ForgettingBandit, 2, 4, 8>(s));
}

}  // namespace glue
}  // namespace psyrl
