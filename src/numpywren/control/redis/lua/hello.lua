-- The first thing on each connection: has the server come back with an older state of the run? One that writes its log
-- to disk once a second may lose its last transitions when it dies, and so may a replica that takes over. Tiles may
-- have been freed since, so that such a run can't go on: whoever knows better marks it as lost.
--   KEYS = run; ARGV = identity of the server process, then what the caller saw last: generation, reloads, done.
-- Answers 1 if the run goes on.

local run, server = KEYS[1], ARGV[1]
local state, was, generation, loads, reloads, done =
  unpack(redis.call('HMGET', run, '.state', '.server', '.gen', '.loads', '.reloads', '.done'))
if not state then
  return 1
end
loads = tonumber(loads)
local list = {}
for entry in string.gmatch(reloads, '%d+') do
  list[#list + 1] = entry
end
if was ~= server then
  -- Every connection to this process begins here, so nothing has happened since it loaded the run.
  loads = loads + 1
  list[#list + 1] = done
  if #list > 16 then
    table.remove(list, 1)
  end
  redis.call('HSET', run, '.server', server, '.loads', loads, '.reloads', table.concat(list, ','))
end
local ours, seen, known = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local lost = tonumber(generation) < ours
if tonumber(generation) == ours then
  for i, entry in ipairs(list) do
    lost = lost or (loads - #list + i > seen and tonumber(entry) < known)
  end
end
if lost then
  redis.call('HSET', run, '.lost', 'its server came back without the last things that it was told')
  return 0
end
return 1
