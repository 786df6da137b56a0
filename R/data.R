#' Tower of London: moves of 522 adults, and of 150 of them again
#'
#' Three balls (1, 2, 3) on three pegs that hold three, two and one balls are to
#' be moved, one at a time, into a goal arrangement. Twelve problems in a fixed
#' order, all from the arrangement `12/3/`, at least 2 to 5 moves each, 20
#' seconds for a problem. [tower_of_london()] is the task, with the same labels.
#'
#' @format `tower_of_london_moves` (27,331 moves, 522 people) and
#'   `tower_of_london_retest` (7,857 moves of 150 of them some months later) are
#'   data frames, a row a move:
#' \describe{
#'   \item{person}{code of the participant}
#'   \item{episode}{problem, 0 to 11}
#'   \item{step}{move within the problem, from 0}
#'   \item{state, next_state}{problem and content of pegs 1, 2, 3 from bottom to
#'     top before and after the move, as in `"p04:1/32/"`}
#'   \item{action}{`"i>j"`: the top ball of peg i dropped on peg j; `"i>i"`: put
#'     back}
#'   \item{reward}{1 for the move that reaches the goal, else 0}
#'   \item{done}{last recorded move of the problem}
#'   \item{truncated}{last recorded move, but the goal was not reached in time}
#'   \item{dist, dist_next}{least number of moves to the goal before and after}
#'   \item{rt_lift, rt_drop}{milliseconds before lifting and before dropping}
#' }
#' `tower_of_london_persons` has a row a person:
#' \describe{
#'   \item{person}{code of the participant}
#'   \item{age, sex, education}{years; codes of the source}
#'   \item{ravens, crt}{Raven's progressive matrices (0 to 18), cognitive
#'     reflection test (proportion correct)}
#'   \item{tol_num_optimal, tol_num_extra_moves, tol_planning_time}{the source's
#'     own scores: optimal solutions, extra moves, planning time in ms}
#'   \item{upps_lack_premeditation, bis11_nonplanning, brief_self_control, grit,
#'     mindful_awareness}{questionnaires}
#'   \item{two_stage_model_based}{model-based weight in a two-step task}
#'   \item{n_solved, n_moves, n_optimal}{computed from the moves}
#'   \item{ravens_retest, tol_num_optimal_retest, tol_num_extra_moves_retest,
#'     tol_planning_time_retest, n_solved_retest, n_optimal_retest}{at retest}
#'   \item{retested}{was there a retest?}
#' }
#' @details Converted from the log of clicks: each pair of clicks (lift, drop)
#'   is one move; practice and a lift without a drop were left out, and problems
#'   without a complete move have no rows. Scripts are in `data-raw` of the
#'   source package.
#' @source `Self_Regulation_Ontology` of Ian Eisenberg, commit 1e6af68,
#'   <https://github.com/IanEisenberg/Self_Regulation_Ontology>, files
#'   `tower_of_london.csv.gz` of 02-16-2019 and of the retest. Licence: MIT
#'   (declared in its `setup.py`; copyright 2016 Russell Poldrack).
#' @references Eisenberg et al. (2019), Uncovering the structure of
#'   self-regulation through data-driven ontology discovery. Nature
#'   Communications 10, 2319. \doi{10.1038/s41467-019-10301-1}
#'
#'   Enkavi et al. (2019), Large-scale analysis of test-retest reliabilities of
#'   self-regulation measures. PNAS 116, 5472-5477.
#'   \doi{10.1073/pnas.1818430116}
#' @examples
#' trajectories(tower_of_london_moves)
#' summary(tower_of_london_persons$ravens)
#' @name tower_of_london_moves
#' @aliases tower_of_london_retest tower_of_london_persons
#' @keywords datasets
"tower_of_london_moves"

#' @rdname tower_of_london_moves
#' @format NULL
"tower_of_london_retest"

#' @rdname tower_of_london_moves
#' @format NULL
"tower_of_london_persons"

#' Climate control: what 1,456 students did in a PISA item
#'
#' Log of the interactive problem-solving item CP025Q01 of PISA 2012 in Denmark,
#' Norway and Sweden. Students of 15 years explore an air conditioner with three
#' unlabelled sliders (top, central, bottom, each -2 to 2), watch temperature
#' and humidity, and draw which slider acts on which of them. Full credit needs
#' the diagram top - temperature, central - humidity, bottom - humidity; a good
#' strategy varies one thing at a time.
#'
#' @format `climate_control` is a data frame of 40,578 events, a row each:
#' \describe{
#'   \item{person}{code of the student}
#'   \item{episode}{0: there is one item}
#'   \item{step}{event, from 0}
#'   \item{state, next_state}{`v` and three bits (top, central, bottom already
#'     varied alone), `d` and six bits of the diagram (arrows top - temperature,
#'     top - humidity, central - temperature, ...); `"end"` after the end}
#'   \item{action}{`T`, `C`, `B`: apply with only that slider not at zero; `M`:
#'     with several; `Z`: with none; `R`: reset; `d1` to `d6`: toggle an arrow;
#'     `d0`: a click on the diagram that changes nothing; `E`: end the item}
#'   \item{reward}{1 at `E` if the diagram is right, else 0}
#'   \item{done}{the item was ended}
#'   \item{top, central, bottom}{settings applied, `NA` for other events}
#'   \item{temp, humid}{temperature and humidity after the event}
#'   \item{time_s}{seconds since the start of the item}
#' } `climate_control_persons` has a row a student: `person`, `country`,
#' `gender`, `item_score` (0, 1, 2), `pv1_problem_solving` to
#' `pv5_problem_solving` (plausible values of the whole problem-solving scale:
#' analyse the five and combine) and their mean `pv_mean`, `weight` (final
#' student weight), `full_credit`, `n_events`, `n_apply`, `n_reset`, `votat3`
#' (all three sliders varied alone), `time_s`.
#' @details Students with exactly one start and one end event, a valid item
#'   score and a row in the score file were kept (1,456 of 1,468). The outcome
#'   of the item is part of the reward, so it is no outside criterion; the
#'   plausible values are.
#' @source R package LOGAN 1.0.1 of Denise Reis Costa and Waldir Leoncio, data
#'   sets `cp025q01` and `pisa`, <https://github.com/cran/LOGAN>, commit
#'   da70597. Licence: GPL-3. The raw data are the public-use files of PISA 2012
#'   (OECD).
#' @references Greiff, Wuestenberg and Avvisati (2015), Computer-generated
#'   log-file analyses as a window into students' minds? Computers & Education
#'   91, 92-105.
#' @examples
#' trajectories(climate_control)
#' table(climate_control_persons$country)
#' @name climate_control
#' @aliases climate_control_persons
#' @keywords datasets
"climate_control"

#' @rdname climate_control
#' @format NULL
"climate_control_persons"

#' Mazes: moves of 161 people in twelve mazes they could see
#'
#' A dot is moved with the arrow keys from start to goal in mazes of 11 by 11
#' cells whose obstacles are visible. Up to twelve mazes each; every run reached
#' the goal.
#'
#' @format `maze_moves` is a data frame of 46,437 moves, a row each:
#' \describe{
#'   \item{person}{code of the participant}
#'   \item{episode}{run, from 0}
#'   \item{step}{move, from 0}
#'   \item{state, next_state}{maze, column, row, as in `"g03:00:10"`; row 0 is
#'     the bottom}
#'   \item{action}{`L`, `R`, `U`, `D`; moving into a wall changes nothing}
#'   \item{reward}{1 on reaching the goal, else 0}
#'   \item{done}{the goal was reached}
#'   \item{dist, dist_next}{shortest distance to the goal before and after}
#'   \item{rt}{milliseconds}
#' } `maze_persons` has a row a person: `person`, `age`, `gender`,
#' `videogame_frequency`, `total_time_ms`, `bonus_dollars`, `n_episodes`,
#' `steps`, `optimal_steps`, `extra_steps`, `wall_bumps`. `maze_maps` is a named
#' list of the twelve maps for [gridworld()]; `maze_transitions` is the task
#' they define as a table for [mdp()]: `state, action, next_state, reward`.
#' @details Each maze was shown in one of four mirror orientations; states and
#'   actions are turned back, so that all people share one set of states.
#' @source `value-guided-construal` of Mark Ho, commit 983f2c7,
#'   <https://github.com/markkho/value-guided-construal>, experiment 1. Licence:
#'   MIT (declared in its `setup.py`).
#' @references Ho, Abel, Correa, Littman, Cohen and Griffiths (2022), People
#'   construct simplified mental representations to plan. Nature 606, 129-136.
#'   \doi{10.1038/s41586-022-04743-9}
#' @examples
#' trajectories(maze_moves)
#' cat(maze_maps$g00, sep = "\n")
#' gridworld(maze_maps)
#' mdp(maze_transitions)
#' @name maze_moves
#' @aliases maze_persons maze_maps maze_transitions
#' @keywords datasets
"maze_moves"

#' @rdname maze_moves
#' @format NULL
"maze_persons"

#' @rdname maze_moves
#' @format NULL
"maze_maps"

#' @rdname maze_moves
#' @format NULL
"maze_transitions"

#' Reversal learning: choices of 386 people, with attention checks
#'
#' Ninety choices among three arms, one of which pays with probability .8, the
#' others with .2; the good arm changes every 15 trials without notice. Careless
#' participants, who failed attention checks in the questionnaires, choose less
#' decisively, which makes spurious correlations of learning with symptoms.
#'
#' @format `reversal_choices` is a data frame for [choices()] of 34,740 trials, a
#'   row each:
#' \describe{
#'   \item{person}{code of the participant}
#'   \item{trial}{1 to 90}
#'   \item{choice}{arm, 1 to 3}
#'   \item{outcome}{1 reward, 0 none}
#'   \item{phase}{1 to 6: stretch of 15 trials with the same good arm; learning
#'     does not start afresh}
#'   \item{best_option}{the good arm}
#'   \item{rt}{seconds}
#' } `reversal_persons` has a row a person:
#' \describe{
#'   \item{person, platform, age, gender}{who and where recruited}
#'   \item{task_accuracy, task_points, win_stay, lose_shift,
#'     perseveration_rate}{the source's summaries of the task}
#'   \item{pub_beta, pub_eta_p, pub_eta_n, pub_kappa}{the authors' posterior means
#'     of inverse temperature, learning rates after positive and negative
#'     prediction errors (values start at .5), and the rates' asymmetry}
#'   \item{infreq}{failed attention items, 0 to 4; `infreq_...`: by questionnaire}
#'   \item{isd, reliability, mahalanobis, variability}{indices of careless
#'     responding from the questionnaires}
#'   \item{task_rt, survey_rt, ..._rt}{indices and seconds of reading times}
#'   \item{mania_7up, depression_7down, gad7, pswq, bis, bas, shaps}{symptom
#'     scores}
#' }
#' @details Of 406 people with task data the 386 in the authors' table are kept.
#' @source `sciops` of the Niv Lab, commit ed7ac31,
#'   <https://github.com/nivlab/sciops>, folder `01_Original`. Licence: MIT
#'   (copyright 2020 Niv Lab).
#' @references Zorowitz, Solis, Niv and Bennett (2023), Inattentive responding can
#'   induce spurious associations between task behaviour and symptom measures.
#'   Nature Human Behaviour 7, 1667-1681. \doi{10.1038/s41562-023-01640-7}
#' @examples
#' choices(reversal_choices)
#' with(reversal_persons, tapply(pub_beta, infreq > 0, mean))
#' @name reversal_choices
#' @aliases reversal_persons
#' @keywords datasets
"reversal_choices"

#' @rdname reversal_choices
#' @format NULL
"reversal_persons"

#' Two-step task: choices of 393 people, with attention checks
#'
#' On each of 201 trials one of two rockets is chosen; each flies to its own planet
#' with probability .7 (common), else to the other. There one of two aliens is
#' chosen, whose probability of a reward drifts slowly.
#'
#' @format `twostep_choices` is a data frame for [choices()] of 78,993 trials, a
#'   row each:
#' \describe{
#'   \item{person}{code of the participant}
#'   \item{trial}{1 to 201}
#'   \item{level1_choice}{rocket, 1 or 2; rocket 1 goes commonly to planet 1}
#'   \item{level2_choice}{alien, 1 and 2 on planet 1, 3 and 4 on planet 2}
#'   \item{reward}{1 or 0}
#'   \item{common}{was it the common transition?}
#'   \item{rt1, rt2}{milliseconds at either stage}
#' } `twostep_persons` has a row a person:
#' \describe{
#'   \item{person, platform, age, gender, education}{who and where recruited}
#'   \item{infreq}{failed attention items; `infreq_...`: by questionnaire}
#'   \item{isd, reliability, mahalanobis, side_var, choice_var}{indices of careless
#'     responding}
#'   \item{task_rt, survey_rt, ..._rt}{indices and seconds of reading times}
#'   \item{mania, depression, anxiety}{symptom scores; `artistic`, `greed`:
#'     control scales}
#'   \item{pub_stay_intercept, pub_stay_outcome, pub_stay_transition,
#'     pub_stay_mb_interaction}{the authors' coefficients of the regression of
#'     staying on the last outcome and transition; the interaction is the mark of
#'     planning}
#'   \item{wsls, n_trials, points}{win-stay lose-shift index, trials, rewards}
#' }
#' @details Missed trials (0.16 %) were repeated in the task and are left out.
#' @source `sciops` of the Niv Lab, commit ed7ac31,
#'   <https://github.com/nivlab/sciops>, folder `02_Replication`. Licence: MIT
#'   (copyright 2020 Niv Lab).
#' @inherit reversal_choices references
#' @examples
#' choices(twostep_choices)
#' @name twostep_choices
#' @aliases twostep_persons
#' @keywords datasets
"twostep_choices"

#' @rdname twostep_choices
#' @format NULL
"twostep_persons"
