%% The workloads of core_bench for Erlang processes. A message is an atom and two integers.
%%
%%   erl +S N:N -noshell -s erlang_bench main -extra RUNS SCALE
%%
%% Each workload runs once unmeasured, then RUNS times. A run is a function that answers {Nanoseconds, Count} or, where
%% single messages are timed, {Nanoseconds, Count, SortedTimes}. The time is from the driver's beginning to the last
%% process that is done.
-module(erlang_bench).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

main() ->
    try
        [Runs, Scale] = init:get_plain_arguments(),
        [report(Workload, list_to_integer(Runs), number(Scale)) || Workload <- workloads()],
        halt(0)
    catch
        _:Reason:Stack ->
            io:format(standard_error, "erlang_bench: ~p~n~p~n", [Reason, Stack]),
            halt(1)
    end.

number(Text) ->
    try list_to_float(Text) catch error:badarg -> list_to_integer(Text) end.

workloads() ->
    [{"pingpong", "ns/msg", 1000000, fun pingpong/1},
     {"tell", "msg/s", 5000000, fun(Count) -> fan_out(1, Count) end},
     {"forkjoin_throughput", "msg/s", 100000, fun(Count) -> fan_out(60, Count) end},
     {"many_to_one", "msg/s", 50000, fun many_to_one/1},
     {"ring", "ns/hop", 1000000, fun ring/1},
     {"big", "msg/s", 20000, fun big/1},
     {"forkjoin_create_anonymous", "actors/s", 1000000, fun create/1},
     {"ask", "asks/s", 500000, fun ask/1}].

%% Running and reporting.

report({Name, Unit, Size, Run}, Runs, Scale) ->
    Scaled = max(1, round(Size * Scale)),
    _ = in_process(fun() -> Run(Scaled) end),
    Results = [in_process(fun() -> Run(Scaled) end) || _ <- lists:seq(1, Runs)],
    Values = [value(Unit, Result) || Result <- Results],
    io:format("{\"summary\":true,\"peer\":\"erlang\",\"version\":\"~s\",\"workload\":\"~s\",\"workers\":~b,"
              "\"unit\":\"~s\",\"median\":~.2f,\"min\":~.2f,\"max\":~.2f,\"runs\":~b~s}~n",
              ["OTP " ++ erlang:system_info(otp_release) ++ ", erts " ++ erlang:system_info(version), Name,
               erlang:system_info(schedulers_online), Unit, median(Values), lists:min(Values), lists:max(Values), Runs,
               percentiles([Times || {_, _, Times} <- Results])]).

value("ns/" ++ _, Result) -> element(1, Result) / element(2, Result);
value(_, Result) -> element(2, Result) * 1.0e9 / element(1, Result).

median(Values) ->
    Sorted = lists:sort(Values),
    Count = length(Sorted),
    (lists:nth((Count + 1) div 2, Sorted) + lists:nth(Count div 2 + 1, Sorted)) / 2.

percentiles([]) -> "";
percentiles(Runs) ->
    At = fun(PerCent) -> median([lists:nth((length(Times) - 1) * PerCent div 100 + 1, Times) || Times <- Runs]) end,
    io_lib:format(",\"p50\":~.2f,\"p99\":~.2f", [At(50) * 1.0, At(99) * 1.0]).

%% Each run has a process of its own, so that no garbage of one is collected in the next.
in_process(Run) ->
    {_, Monitor} = spawn_monitor(fun() -> exit({result, Run()}) end),
    receive
        {'DOWN', Monitor, process, _, {result, Result}} -> Result;
        {'DOWN', Monitor, process, _, Reason} -> exit(Reason)
    end.

now_ns() -> erlang:monotonic_time(nanosecond).

%% Waits for `done` of so many processes.
await_done(0) -> ok;
await_done(Left) -> receive done -> await_done(Left - 1) end.

timed(Count, Run) ->
    Begin = now_ns(),
    Run(),
    {now_ns() - Begin, Count}.

%% Workloads.

pingpong(Rounds) ->
    Ponger = spawn_link(fun ponger/0),
    timed(2 * Rounds, fun() -> ping(Ponger, Rounds) end).

ping(_, 0) -> ok;
ping(Ponger, Left) ->
    Ponger ! {ping, self(), Left},
    receive {pong, Left, 0} -> ping(Ponger, Left - 1) end.

ponger() -> receive {ping, From, Round} -> From ! {pong, Round, 0}, ponger() end.

fan_out(CounterCount, Count) ->
    Self = self(),
    Counters = [spawn_link(fun() -> count(Count, Self) end) || _ <- lists:seq(1, CounterCount)],
    timed(CounterCount * Count, fun() -> produce(Counters, Count), await_done(CounterCount) end).

produce(_, 0) -> ok;
produce(Counters, Left) ->
    tell_each(Counters, Left),
    produce(Counters, Left - 1).

tell_each([], _) -> ok;
tell_each([Counter | Others], Number) ->
    Counter ! {tell, Number, 0},
    tell_each(Others, Number).

count(0, Main) -> Main ! done;
count(Left, Main) -> receive {tell, _, _} -> count(Left - 1, Main) end.

many_to_one(Count) ->
    Self = self(),
    Counter = spawn_link(fun() -> count(100 * Count, Self) end),
    Producers = [spawn_link(fun() -> receive go -> produce([Counter], Count) end end) || _ <- lists:seq(1, 100)],
    timed(100 * Count, fun() -> [Producer ! go || Producer <- Producers], await_done(1) end).

ring(Hops) ->
    Self = self(),
    Links = [spawn_link(fun() -> receive {next, Next} -> link_of_ring(Next, Self) end end) || _ <- lists:seq(1, 100)],
    lists:zipwith(fun(Link, Next) -> Link ! {next, Next} end, Links, tl(Links) ++ [hd(Links)]),
    timed(Hops, fun() -> hd(Links) ! {token, Hops - 1, 0}, await_done(1) end).

link_of_ring(Next, Main) ->
    receive
        {token, 0, _} -> Main ! done;
        {token, Left, _} -> Next ! {token, Left - 1, 0}
    end,
    link_of_ring(Next, Main).

big(Pings) ->
    Self = self(),
    Talkers = [spawn_link(fun() -> receive {go, All} -> talk(All, Index, Index, Pings, Self) end end)
               || Index <- lists:seq(1, 120)],
    All = list_to_tuple(Talkers),
    timed(2 * 120 * Pings, fun() -> [Talker ! {go, All} || Talker <- Talkers], await_done(120) end).

%% Xorshift, in 32 bits, so that the numbers stay small.
random(X0) ->
    X1 = (X0 bxor (X0 bsl 13)) band 16#ffffffff,
    X2 = X1 bxor (X1 bsr 17),
    (X2 bxor (X2 bsl 5)) band 16#ffffffff.

talk(All, Own, Random, 0, Main) ->
    Main ! done,
    listen(All, Own, Random, 0, Main);
talk(All, Own, Random0, Left, Main) ->
    Random = random(Random0),
    Other = Random rem 119 + 1,
    element(if Other >= Own -> Other + 1; true -> Other end, All) ! {ping, self(), Left},
    listen(All, Own, Random, Left, Main).

listen(All, Own, Random, Left, Main) ->
    receive
        {ping, From, Round} -> From ! {pong, Round, 0}, listen(All, Own, Random, Left, Main);
        {pong, _, _} -> talk(All, Own, Random, Left - 1, Main)
    end.

create(Count) ->
    timed(Count, fun() ->
        create_each(Count),
        await_gone(Count)
    end).

create_each(0) -> ok;
create_each(Left) ->
    {Child, _} = spawn_monitor(fun() -> receive {work, _, _} -> ok end end),
    Child ! {work, Left, 0},
    create_each(Left - 1).

await_gone(0) -> ok;
await_gone(Left) -> receive {'DOWN', _, process, _, normal} -> await_gone(Left - 1) end.

ask(Count) ->
    {ok, Answerer} = gen_server:start_link(?MODULE, [], []),
    Begin = now_ns(),
    Times = ask_each(Answerer, Count, Begin, []),
    {now_ns() - Begin, Count, lists:sort(Times)}.

ask_each(_, 0, _, Times) -> Times;
ask_each(Answerer, Left, Last, Times) ->
    {reply, Left, 0} = gen_server:call(Answerer, {question, Left, 0}, infinity),
    Now = now_ns(),
    ask_each(Answerer, Left - 1, Now, [Now - Last | Times]).

init([]) -> {ok, none}.
handle_call({question, Number, _}, _, State) -> {reply, {reply, Number, 0}, State}.
handle_cast(_, State) -> {noreply, State}.
