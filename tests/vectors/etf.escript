#!/usr/bin/env escript
%% Erlang as the authority about its own format.
%%
%%   escript tests/vectors/etf.escript make > tests/vectors/etf.txt
%%     writes the vectors that etf.rs is tested with: a line for each, of the bytes in hex, a tab, and the JSON that they
%%     mean; or `!` and a word of the refusal. Made with OTP 25, whose minor versions 0 to 2 write all forms of atoms and
%%     floats that are still written; what no release writes any more is made by hand, and read back here before it counts.
%%
%%   escript tests/vectors/etf.escript read
%%     reads lines of hex and writes the JSON of each term, with keys in order, to compare with what was encoded.
%%
%% How JSON is written is decided here a second time, after the documentation of etf.rs and not after its code.

-mode(compile).

main(["make"]) ->
    rand:seed(exsss, {6, 6, 2026}),
    ok = io:setopts([{encoding, latin1}]),
    lists:foreach(fun line/1, by_erlang() ++ by_hand() ++ refused() ++ by_chance(2500));
main(["read"]) ->
    ok = io:setopts([binary, {encoding, latin1}]),
    read().

read() ->
    case io:get_line("") of
        eof ->
            ok;
        Line ->
            Term = binary_to_term(binary:decode_hex(string:trim(Line))),
            file:write(standard_io, [json(Term, read), $\n]),
            read()
    end.

line({Bytes, Json}) ->
    file:write(standard_io, [string:lowercase(binary:encode_hex(Bytes)), $\t, Json, $\n]).

%% The vectors

by_erlang() ->
    Terms = [
        nil, null, true, false, online, 'VOICE_STATE_UPDATE', 'with "quotes"', '', 'gr\x{fc}n', '\x{65e5}',
        0, 1, 255, 256, -1, -128, 65535, 2147483647, -2147483648,
        2147483648, -2147483649, 4294967295, 9007199254740991, 9007199254740993, 1099511627776123456,
        18446744073709551615, 18446744073709551616, -18446744073709551616, 1 bsl 128, -(1 bsl 255),
        1 bsl 2039, (1 bsl 2040) - 1, 1 bsl 2040, (1 bsl 2048) - 1, -(1 bsl 2047), pow(10, 27), pow(10, 600),
        0.0, -0.0, 1.0, -1.5, 0.1, 1.0e15, 1.0e16, 123456789012345680.0, 1.0e22, 1.0e300, 1.0e-4, 9.9e-5, 1.0e-6,
        5.0e-324, 1.7976931348623157e308, 2.2250738585072014e-308, 3.141592653589793, 41.25,
        <<>>, <<"text">>, <<"\"\\/\b\f\n\r\t">>, <<0, 1, 31, 127>>, <<"gr\x{fc}n \x{65e5}\x{672c} \x{1f980}"/utf8>>,
        <<16#2028/utf8, 16#2029/utf8>>, binary:copy(<<"long ">>, 300),
        [], [0, 1], [1, 2, 3], [255], [256], [0, -1], lists:seq(0, 255), lists:duplicate(300, 7), [nil], [[]],
        [[[[[[]]]]]], [1, [2, [3, [4]]]], [<<"a">>, b, 3, 4.5, [], #{}],
        {}, {a}, {1, 2, 3}, {[], {}, #{}}, list_to_tuple(lists:duplicate(255, x)), list_to_tuple(lists:duplicate(256, x)),
        #{}, #{a => 1}, #{<<"a">> => 1}, #{1 => a, -1 => b, 1099511627776123456 => c, (1 bsl 70) => d},
        #{nonce => 1, <<"nonce">> => 2}, #{nil => nil, true => false, null => 0}, #{<<"\"">> => 1, 'a\\b' => 2},
        #{<<>> => 1, '' => 2}, maps:from_list([{N, integer_to_binary(N)} || N <- lists:seq(1, 32)]),
        #{t => nil, s => nil, op => 10,
            d => #{heartbeat_interval => 41250, '_trace' => [<<"[\"gateway-prd\",{\"micros\":0.0}]">>]}},
        lists:foldl(fun(_, Inner) -> #{d => [Inner]} end, nil, lists:seq(1, 100))
    ],
    lists:usort([{Bytes, json(Term, make)} || Term <- Terms, Bytes <- forms(Term)]).

forms(Term) ->
    Options = [[{minor_version, 0}], [{minor_version, 1}], [{minor_version, 2}], [compressed], [{compressed, 1}]],
    [term_to_binary(Term, It) || It <- Options].

%% Tags and forms that Erlang reads but does not write.
by_hand() ->
    Big = 1099511627776123456,
    Vectors = [
        {<<131, 115, 3, "nil">>, nil, <<"null">>},
        {<<131, 115, 4, "null">>, null, <<"null">>},
        {<<131, 115, 4, "true">>, true, <<"true">>},
        {<<131, 115, 4, 103, 114, 252, 110>>, 'gr\x{fc}n', <<"\"gr\x{fc}n\""/utf8>>},
        {<<131, 100, 0, 1, 255>>, '\x{ff}', <<"\"\x{ff}\""/utf8>>},
        {<<131, 118, 0, 5, "false">>, false, <<"false">>},
        {<<131, 118, 0, 2, 195, 188>>, '\x{fc}', <<"\"\x{fc}\""/utf8>>},
        {<<131, 119, 6, "online">>, online, <<"\"online\"">>},
        {<<131, 119, 0>>, '', <<"\"\"">>},
        {<<131, 98, 7:32>>, 7, <<"7">>},
        {<<131, 110, 0, 0>>, 0, <<"\"0\"">>},
        {<<131, 110, 1, 1, 0>>, 0, <<"\"0\"">>},
        {<<131, 110, 2, 0, 5, 0>>, 5, <<"\"5\"">>},
        {<<131, 110, 1, 7, 5>>, -5, <<"\"-5\"">>},
        {<<131, 110, 4, 0, 1:32/little>>, 1, <<"\"1\"">>},
        {<<131, 111, 1:32, 1, 9>>, -9, <<"\"-9\"">>},
        {<<131, 111, 8:32, 0, Big:64/little>>, Big, <<"\"1099511627776123456\"">>},
        {<<131, 110, 12, 0, Big:96/little>>, Big, <<"\"1099511627776123456\"">>},
        {<<131, 107, 0, 0>>, [], <<"[]">>},
        {<<131, 107, 0, 2, 0, 1>>, [0, 1], <<"[0,1]">>},
        {<<131, 108, 0:32, 106>>, [], <<"[]">>},
        {<<131, 108, 2:32, 97, 0, 97, 1, 106>>, [0, 1], <<"[0,1]">>},
        {<<131, 105, 2:32, 97, 0, 106>>, {0, []}, <<"[0,[]]">>},
        {<<131, 105, 0:32>>, {}, <<"[]">>},
        {<<131, 99, "1.5", 0:(28 * 8)>>, 1.5, <<"1.5">>},
        {<<131, 99, "-2.50000000000000000000e-01", 0:(4 * 8)>>, -0.25, <<"-0.25">>},
        {<<131, 116, 2:32, 119, 1, "a", 97, 1, 109, 1:32, "a", 97, 2>>, #{a => 1, <<"a">> => 2}, <<"{\"a\":1,\"a\":2}">>},
        {<<131, 116, 3:32, 110, 8, 0, Big:64/little, 106, 98, -3:32, 106, 97, 3, 106>>, #{Big => [], -3 => [], 3 => []},
            <<"{\"1099511627776123456\":[],\"-3\":[],\"3\":[]}">>},
        {<<131, 109, 4:32, "a", 255, 195, "b">>, <<"a", 255, 195, "b">>, <<"\"a\x{fffd}\x{fffd}b\""/utf8>>},
        {<<131, 109, 3:32, 237, 160, 128>>, <<237, 160, 128>>, <<"\"\x{fffd}\x{fffd}\x{fffd}\""/utf8>>},
        counting(2147483647, <<"2147483647">>),
        counting(2147483648, <<"2147483648">>),
        counting(9007199254740991, <<"9007199254740991">>)
    ],
    [checked(It) || It <- Vectors].

%% The number of an event is a number whatever its size; a field of the same name further in is not known to be one.
counting(Seq, Digits) ->
    Inner = if Seq > 2147483647 -> [$", Digits, $"]; true -> Digits end,
    Term = #{op => 0, s => Seq, t => 'X', d => #{s => Seq}},
    Json = ["{\"d\":{\"s\":", Inner, "},\"op\":0,\"s\":", Digits, ",\"t\":\"X\"}"],
    {term_to_binary(Term), Term, Json}.

checked({Bytes, Term, Json}) ->
    Term = binary_to_term(Bytes),
    {Bytes, Json}.

refused() ->
    {ok, Port} = gen_udp:open(0),
    Terms = [
        {<<1:3>>, "BIT_BINARY_EXT"}, {self(), "NEW_PID_EXT"}, {make_ref(), "NEWER_REFERENCE_EXT"},
        {fun() -> ok end, "NEW_FUN_EXT"}, {fun erlang:self/0, "EXPORT_EXT"}, {Port, "PORT_EXT"},
        {[a | b], "properly"}, {[1, 2 | 3], "properly"}, {#{[1] => 2}, "keys"}, {#{1.5 => 2}, "keys"}, {#{{} => 2}, "keys"},
        {1 bsl 2048, "256 bytes"}
    ],
    ByErlang = [{term_to_binary(In), Word} || {Term, Word} <- Terms, In <- [Term, [Term], #{a => Term}]],
    ByHand = [
        {<<131, 101>>, "REFERENCE_EXT"}, {<<131, 102>>, "PORT_EXT"}, {<<131, 103>>, "PID_EXT"},
        {<<131, 114>>, "NEW_REFERENCE_EXT"}, {<<131, 117>>, "FUN_EXT"}, {<<131, 120>>, "V4_PORT_EXT"},
        {<<131, 82, 0>>, "ATOM_CACHE_REF"}, {<<131, 121>>, "LOCAL_EXT"}, {<<131, 131>>, "tag"}, {<<131, 0>>, "tag"},
        {<<131, 104, 1, 80, 1:32>>, "compressed"}, {<<131, 70, 127, 240, 0:48>>, "finite"},
        {<<131, 70, 127, 248, 0:48>>, "finite"}, {<<131, 99, "inf", 0:(28 * 8)>>, "finite"},
        {<<131, 99, "1e999", 0:(26 * 8)>>, "finite"}, {<<131, 97, 1, 97>>, "after"}, {<<131>>, "go on"}, {<<>>, "131"},
        {<<"{\"op\":11}">>, "131"}, {<<130, 106>>, "131"},
        {<<131, 108, 4294967295:32, 106>>, "go on"}, {<<131, 116, 4294967295:32>>, "go on"},
        {<<131, 105, 4294967295:32>>, "go on"}, {<<131, 109, 4294967295:32, "a">>, "go on"},
        {<<131, 111, 4294967295:32, 0>>, "go on"}
    ],
    [{Bytes, [$! | Word]} || {Bytes, Word} <- ByErlang ++ ByHand].

by_chance(Count) ->
    Options = [[{minor_version, 0}], [{minor_version, 1}], [{minor_version, 2}], [compressed]],
    Random = fun() ->
        Term = random(3),
        {term_to_binary(Term, one_of(Options)), json(Term, make)}
    end,
    [Random() || _ <- lists:seq(1, Count)].

random(0) ->
    random_leaf();
random(Depth) ->
    case rand:uniform(8) of
        1 -> several(5, fun() -> random(Depth - 1) end);
        2 -> several(9, fun() -> rand:uniform(256) - 1 end);
        3 -> list_to_tuple(several(4, fun() -> random(Depth - 1) end));
        N when N < 7 -> maps:from_list(several(5, fun() -> {random_key(), random(Depth - 1)} end));
        _ -> random_leaf()
    end.

random_leaf() ->
    case rand:uniform(5) of
        1 -> random_integer();
        2 -> random_float();
        3 -> one_of([nil, true, false, online, dnd, 'MESSAGE_CREATE', 'gr\x{fc}n']);
        _ -> random_text()
    end.

random_key() ->
    case rand:uniform(6) of
        1 -> random_integer();
        2 -> <<"k", (random_text())/binary>>;
        3 -> one_of([<<"id">>, <<"nonce">>, <<"type">>]);
        _ -> one_of([id, nonce, type, channel_id, guild_id, user, '_trace'])
    end.

random_integer() ->
    Bits = one_of([4, 8, 9, 31, 32, 53, 54, 63, 64, 65, 200]),
    one_of([1, 1, -1]) * (rand:uniform(1 bsl Bits) - 1).

%% Not where two shortest forms may be equally near, of which Erlang takes one and Rust the other.
random_float() ->
    Float = case rand:uniform(3) of
        1 -> rand:uniform(1000) / 8;
        2 -> rand:normal() * math:pow(10, rand:uniform(40) - 20);
        3 -> any_float()
    end,
    if abs(Float) < 1.0e12; abs(Float) > 1.0e22 -> Float; true -> random_float() end.

any_float() ->
    case <<(rand:uniform(1 bsl 64) - 1):64>> of
        <<Float/float>> -> Float;
        _ -> any_float()
    end.

random_text() ->
    Signs = [$a, $b, $z, $0, $ , $", $\\, $\n, 1, 16#e9, 16#7ff, 16#800, 16#ffff, 16#1f600, 16#10ffff],
    unicode:characters_to_binary(several(10, fun() -> one_of(Signs) end)).

several(Most, Make) ->
    [Make() || _ <- lists:seq(1, rand:uniform(Most + 1) - 1)].

one_of(Choices) ->
    lists:nth(rand:uniform(length(Choices)), Choices).

pow(_, 0) -> 1;
pow(Base, Exponent) -> Base * pow(Base, Exponent - 1).

%% JSON

json(null, _) -> <<"null">>;
json(nil, _) -> <<"null">>;
json(true, _) -> <<"true">>;
json(false, _) -> <<"false">>;
json(Name, _) when is_atom(Name) -> quoted(atom_to_binary(Name));
json(Text, _) when is_binary(Text) -> quoted(Text);
json(Float, _) when is_float(Float) -> decimal(Float);
json(Integer, make) when is_integer(Integer), (Integer > 2147483647 orelse Integer < -2147483648) ->
    [$", integer_to_binary(Integer), $"];
json(Integer, _) when is_integer(Integer) ->
    integer_to_binary(Integer);
json(Items, How) when is_list(Items) ->
    [$[, lists:join($,, [json(It, How) || It <- Items]), $]];
json(Items, How) when is_tuple(Items) ->
    json(tuple_to_list(Items), How);
json(Map, How) when is_map(Map) ->
    Pairs = case How of make -> maps:to_list(Map); read -> lists:sort(maps:to_list(Map)) end,
    [${, lists:join($,, [[key(Key), $:, json(Value, How)] || {Key, Value} <- Pairs]), $}].

key(Key) when is_integer(Key) -> quoted(integer_to_binary(Key));
key(Key) when is_atom(Key) -> quoted(atom_to_binary(Key));
key(Key) when is_binary(Key) -> quoted(Key).

quoted(Text) ->
    [$", [escaped(It) || It <- unicode:characters_to_list(Text)], $"].

escaped($") -> <<"\\\"">>;
escaped($\\) -> <<"\\\\">>;
escaped($\n) -> <<"\\n">>;
escaped($\r) -> <<"\\r">>;
escaped($\t) -> <<"\\t">>;
escaped(It) when It < 32 -> io_lib:format("\\u~4.16.0b", [It]);
escaped(It) -> <<It/utf8>>.

%% The shortest digits that mean this float; with an exponent below 1e-4 and from 1e16 on.
decimal(Float) when Float == 0 ->
    case <<Float/float>> of <<1:1, _/bitstring>> -> <<"-0.0">>; _ -> <<"0.0">> end;
decimal(Float) when Float < 0 ->
    [$-, decimal(-Float)];
decimal(Float) ->
    [Mantissa | Rest] = string:split(float_to_list(Float, [short]), "e"),
    Exponent = case Rest of [] -> 0; [It] -> list_to_integer(It) end,
    [Whole, Part] = string:split(Mantissa, "."),
    Leading = string:trim(Whole ++ Part, leading, "0"),
    Skipped = length(Whole ++ Part) - length(Leading),
    Digits = string:trim(Leading, trailing, "0"),
    %% The value is 0.DIGITS times ten to the power of Point.
    Point = length(Whole) + Exponent - Skipped,
    Count = length(Digits),
    if
        Float < 1.0e-4; Float >= 1.0e16 ->
            Tail = case tl(Digits) of [] -> []; More -> [$. | More] end,
            [hd(Digits), Tail, $e, integer_to_list(Point - 1)];
        Point =< 0 -> ["0.", lists:duplicate(-Point, $0), Digits];
        Point >= Count -> [Digits, lists:duplicate(Point - Count, $0), ".0"];
        true -> [lists:sublist(Digits, Point), $., lists:nthtail(Point, Digits)]
    end.
