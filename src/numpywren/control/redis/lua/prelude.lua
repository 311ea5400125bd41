-- Put before the scripts of every transition. Each is one script, so it happens as a whole or not at all.
--
-- A run is three keys, which share a hash tag, so that a cluster keeps them on one node:
--
--   KEYS[1]  run     a hash of all that is known by name; the first character of a field says of what:
--              .NAME   the run itself: .state .total .done .repeated .failure ..., see swap.lua
--              tTASK   a task that isn't done
--                        w<missing>:<priority>:<tiles>   it waits; the tiles that arrived, as net strings
--                        r                               it is ready, and was never handed out
--                        r<lost>:<handed>                it is ready again
--                        x<priority>:<lost>:<handed>:<since>:<worker>   it runs
--                      `lost` leases were taken away, `handed` is the attempt last handed out
--              dBLOCK  done tasks: 256 bits for the tasks whose names differ in their last number only
--              cTILE   readers that a counted tile has left
--              aWORKER the token of its last claim that gave something, and the tasks as JSON
--   KEYS[2]  ready   a sorted set: ready tasks by priority
--   KEYS[3]  leases  a sorted set: running tasks by the microsecond at which their leases end
--
-- Both sorted sets also hold '' at +inf, so that they exist as long as the run does: a key that is missing was evicted
-- or deleted, and the run is lost. What comes first in ARGV is the time in microseconds, or '' for the server's own.
-- A transition answers {generation, reloads, done, ...}, or {reason} if the run is lost.

local run, ready, leases = KEYS[1], KEYS[2], KEYS[3]
local call, find, match, sub, byte = redis.call, string.find, string.match, string.sub, string.byte
local floor = math.floor

local meta = call('HMGET', run, '.state', '.gen', '.loads', '.done', '.total', '.touched', '.lost')
if not meta[1] then
  return {'it holds no such run: none was restored, it was deleted, or its server came back without its data'}
end
if meta[7] then
  return {meta[7]}
end
if call('EXISTS', ready, leases) ~= 2 then
  return {'a part of it is missing, as if it had been evicted (maxmemory-policy should be noeviction)'}
end

-- A whole number as text: tostring would keep 14 digits.
local function text(number)
  return string.format('%.0f', number)
end

local clock = call('TIME')
local now = ARGV[1] == '' and clock[1] * 1000000 + clock[2] or tonumber(ARGV[1])

-- Runs that nobody touches vanish after 30 days; looked at once an hour.
if tonumber(clock[1]) - tonumber(meta[6]) > 3600 then
  call('HSET', run, '.touched', clock[1])
  for i = 1, 3 do
    call('EXPIRE', KEYS[i], 2592000)
  end
end

local function answer(...)
  return {tonumber(meta[2]), tonumber(meta[3]), tonumber(meta[4]), ...}
end

-- Values of fields of the run, in order, false for those that aren't there.
local function fetch(fields)
  local values = {}
  for i = 1, #fields, 1000 do
    local last = math.min(i + 999, #fields)
    for k, value in ipairs(call('HMGET', run, unpack(fields, i, last))) do
      values[i + k - 1] = value
    end
  end
  return values
end

-- A command with many arguments, an even number of them.
local function send(command, key, arguments)
  for i = 1, #arguments, 1000 do
    call(command, key, unpack(arguments, i, math.min(i + 999, #arguments)))
  end
end

-- What the record of a running task says, if that is what it is.
local function holding(record)
  if not record or byte(record) ~= 120 then -- x
    return nil
  end
  local priority, lost, handed, since, worker = match(record, '^x(-?%d+):(%d+):(%d+):(-?%d+):(.*)$')
  return worker, priority, tonumber(lost), tonumber(handed), since
end
