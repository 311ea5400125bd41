-- restore, first part, for at most a thousand rows at a time: gather what will replace the run where nobody looks.
--   KEYS = the run and the ready tasks to be, and the run as it is; ARGV = number of the batch, from 1; tasks as JSON
--   {{task, missing, priority, {tile, ...}, done}, ...}; counted tiles as JSON {{tile, readers left}, ...}; the name of
--   this restore.
-- Answers 1, or 0 if an earlier batch has gone. A batch that came before, and whose answer was lost, changes nothing,
-- however late it comes again.

local run, ready, batch = KEYS[1], KEYS[2], tonumber(ARGV[1])
local before = tonumber(redis.call('HGET', run, '.batch') or 0)
if before == batch then
  return 1
elseif before ~= batch - 1 then
  return 0
elseif redis.call('HGET', KEYS[3], '.token') == ARGV[4] then
  return 1
end
redis.call('ZADD', ready, '+inf', '')
for _, row in ipairs(cjson.decode(ARGV[2])) do
  local task, missing, priority, arrived, done = unpack(row)
  if done then
    local block, bit = place(task)
    redis.call('HSET', run, block, with(redis.call('HGET', run, block), bit))
  elseif missing > 0 then
    for i, tile in ipairs(arrived) do
      arrived[i] = net(tile)
    end
    redis.call('HSET', run, 't' .. task, 'w' .. missing .. ':' .. priority .. ':' .. table.concat(arrived))
  else
    redis.call('HSET', run, 't' .. task, 'r')
    redis.call('ZADD', ready, priority, task)
  end
end
for _, pair in ipairs(cjson.decode(ARGV[3])) do
  redis.call('HSET', run, 'c' .. pair[1], string.format('%.0f', pair[2]))
end
redis.call('HSET', run, '.batch', batch)
redis.call('EXPIRE', run, 3600) -- for the case that nobody comes back
redis.call('EXPIRE', ready, 3600)
return 1
