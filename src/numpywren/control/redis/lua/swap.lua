-- restore, second part: what was gathered becomes the run, at one stroke.
--   KEYS = run, ready, leases, and the run and ready tasks that were gathered; ARGV = a name for this restore, how many
--   batches there were, state, total, identity of the server, newest generation that the caller knows.
-- Answers as transitions do, or {reason} if something that was gathered has gone.

local run, ready, leases = KEYS[1], KEYS[2], KEYS[3]
local token, generation = unpack(redis.call('HMGET', run, '.token', '.gen'))
if token ~= ARGV[1] then -- otherwise it was done before, and only the answer was lost
  if redis.call('HGET', KEYS[4], '.batch') ~= ARGV[2] or redis.call('EXISTS', KEYS[5]) == 0 then
    return {'what was told of the run is gone: its server came back without its data, or evicts keys'}
  end
  -- A number that only grows, even if the run was deleted in between.
  local clock = redis.call('TIME')
  generation = math.max(clock[1] * 1000000 + clock[2], tonumber(generation or 0) + 1, tonumber(ARGV[6]) + 1)
  redis.call('UNLINK', run, ready, leases)
  redis.call('RENAME', KEYS[4], run)
  redis.call('RENAME', KEYS[5], ready)
  redis.call('ZADD', leases, '+inf', '')
  redis.call('HDEL', run, '.batch')
  redis.call(
    'HSET', run,
    '.token', ARGV[1],
    '.gen', string.format('%.0f', generation),
    '.state', ARGV[3],    -- running, done, failed or cancelled; .failure or .poison says why
    '.total', ARGV[4],
    '.done', 0,
    '.repeated', 0,       -- tasks handed out again
    '.server', ARGV[5],   -- the server process that has the run in memory; see hello.lua
    '.loads', 0,          -- how often another one has loaded it since
    '.reloads', '',       -- how many tasks were done then, of the last few times
    '.touched', clock[1]  -- when the keys were last given their time to live
  )
  for i = 1, 3 do
    redis.call('EXPIRE', KEYS[i], 2592000)
  end
end
return {tonumber(generation), 0, 0}
