#include "core/learning/models/bandits.h"
#include "core/learning/models/baselines.h"
#include "learning_glue.h"

namespace psyrl {
namespace glue {
using namespace learning;

std::unique_ptr<Engine> make_bandit(const Setting& s) {
  using Owner = std::unique_ptr<Engine>;
  if (s.model == "fictitious") return Owner(new EngineOf<Fictitious, 3>(s));
  if (s.model == "confirmation") return Owner(new EngineOf<Confirmation, 3>(s));
  if (s.model == "pearce_hall") return Owner(new EngineOf<PearceHall, 3>(s));
  if (s.model == "ewa") return Owner(new EngineOf<ExperienceWeighted, 3>(s));
  if (s.model == "kalman_bandit") return Owner(new EngineOf<KalmanBandit, 6>(s));
  if (s.model == "win_stay_lose_shift") return Owner(new EngineOf<WinStayLoseShift, 2>(s));
  if (s.model == "biased_random") return Owner(new EngineOf<BiasedRandom, 1, 3, 8>(s));
  return nullptr;
}

}  // namespace glue
}  // namespace psyrl
