-- claim: ARGV = now, worker, limit, microseconds of the lease, MAX_ATTEMPTS, preferred tasks as JSON or '',
-- slow tasks as JSON {{task, holder}, ...} or '', a token that no other claim has. Answers task, attempt, task, ...

local worker, limit, most = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[5])
local ends = text(now + tonumber(ARGV[4]))
if meta[1] ~= 'running' then
  return answer()
end

-- Take away every lease that has expired.
local expired = call('ZRANGEBYSCORE', leases, '-inf', text(now))
for _, task in ipairs(expired) do
  local holder, priority, lost, handed = holding(call('HGET', run, 't' .. task))
  lost = lost + 1
  call('HSET', run, 't' .. task, 'r' .. lost .. ':' .. handed)
  call('ZREM', leases, task)
  call('ZADD', ready, priority, task)
  if lost >= most and meta[1] == 'running' then
    meta[1] = 'failed'
    call('HSET', run, '.state', 'failed', '.poison', cjson.encode({task, holder}))
  end
end
if meta[1] ~= 'running' then
  return answer()
end

local claims, repeated = answer(), 0

-- A claim that is asked again, as its answer was lost, is answered by what of it is still this worker's.
local before = call('HGET', run, 'a' .. worker)
if before and sub(before, 1, #ARGV[8]) == ARGV[8] then
  for _, task in ipairs(cjson.decode(sub(before, #ARGV[8] + 1))) do
    local holder, _, lost = holding(call('HGET', run, 't' .. task))
    if holder == worker then
      claims[#claims + 1] = task
      claims[#claims + 1] = lost + 1
    end
  end
  return claims
end
local handed_out = {}
local function hand_out(task, priority, lost)
  local record = 'x' .. priority .. ':' .. lost .. ':' .. (lost + 1) .. ':' .. text(now) .. ':' .. worker
  call('HSET', run, 't' .. task, record)
  call('ZADD', leases, ends, task)
  claims[#claims + 1] = task
  claims[#claims + 1] = lost + 1
  handed_out[#handed_out + 1] = task
  limit = limit - 1
end

-- Slow tasks, if they are still where they were seen.
if ARGV[7] ~= '' then
  for _, slow in ipairs(cjson.decode(ARGV[7])) do
    local holder, priority, lost = holding(call('HGET', run, 't' .. slow[1]))
    if limit > 0 and holder == slow[2] and holder ~= worker then
      hand_out(slow[1], priority, lost)
      repeated = repeated + 1
    end
  end
end

-- The most urgent that are ready: {task, priority, task, priority, ...}, and one more, to see whether some must stay.
if limit > 0 then
  local first = call('ZRANGEBYSCORE', ready, '-inf', '(+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
  local chosen, taken = {}, {}
  local function take(task, priority)
    chosen[#chosen + 1] = {task, priority}
    taken[task] = true
  end
  local last = #first > 2 * limit and first[2 * limit]
  for i = 1, math.min(#first, 2 * limit), 2 do
    if first[i + 1] ~= last then
      take(first[i], first[i + 1])
    end
  end
  if last then -- of this priority there may be more than fit
    if ARGV[6] ~= '' then
      for _, task in ipairs(cjson.decode(ARGV[6])) do
        if #chosen < limit and not taken[task] and call('ZSCORE', ready, task) == last then
          take(task, last)
        end
      end
    end
    for i = 1, 2 * limit, 2 do
      if #chosen < limit and not taken[first[i]] then
        take(first[i], first[i + 1])
      end
    end
  end
  for _, pair in ipairs(chosen) do
    local lost, handed = match(call('HGET', run, 't' .. pair[1]), '^r(%d+):(%d+)$')
    lost = tonumber(lost or 0)
    if lost + 1 > math.max(tonumber(handed or 0), 1) then
      repeated = repeated + 1
    end
    call('ZREM', ready, pair[1])
    hand_out(pair[1], pair[2], lost)
  end
end
if repeated > 0 then
  call('HINCRBY', run, '.repeated', repeated)
end
if #handed_out > 0 then
  call('HSET', run, 'a' .. worker, ARGV[8] .. cjson.encode(handed_out))
end
return claims
