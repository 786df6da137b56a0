#include "core/learning/models/rescorla_wagner.h"
#include "learning_glue.h"

namespace psyrl {
namespace glue {
using namespace learning;

std::unique_ptr<Engine> make_rescorla_wagner(const Setting& s) {
  if (s.model != "rescorla_wagner") return nullptr;
  return std::unique_ptr<Engine>(new EngineOf<RescorlaWagner, 2, 3, 4, 6, 8>(s));
}

}  // namespace glue
}  // namespace psyrl
