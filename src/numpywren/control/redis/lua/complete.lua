-- complete: ARGV = now, task, news as JSON {reads, arrivals}: tiles, and {tile, counted, {{task, needs, priority}, ...}}
-- for each arrival. Answers whether the run is finished, whether the task became done by this call, how many tasks are
-- ready, those, and the tiles that are freed.

local task, news = ARGV[2], cjson.decode(ARGV[3])
local reads, arrivals = news[1], news[2]
local total = tonumber(meta[5])
local woken, freed = {}, {}

local function report(first)
  local told = answer(tonumber(meta[4]) >= total and 1 or 0, first and 1 or 0, #woken)
  for _, name in ipairs(woken) do
    told[#told + 1] = name
  end
  for _, tile in ipairs(freed) do
    told[#told + 1] = tile
  end
  return told
end

local block, bit = place(task)
local was, bits = unpack(call('HMGET', run, 't' .. task, block))
if not was then
  if has(bits, bit) then -- done already: a late worker wrote its tiles again
    for _, arrival in ipairs(arrivals) do
      if arrival[2] and call('HEXISTS', run, 'c' .. arrival[1]) == 0 then
        freed[#freed + 1] = arrival[1]
      end
    end
  end
  return report(false)
end

-- The task is done, and nobody holds it.
call('HDEL', run, 't' .. task)
local kind = byte(was)
if kind == 114 then -- r
  call('ZREM', ready, task)
elseif kind == 120 then -- x
  call('ZREM', leases, task)
end
local changes, gone = {block, with(bits, bit)}, {}

-- Each tile that it read has one reader less.
local tiles, seen = {}, {}
for _, tile in ipairs(reads) do
  if not seen[tile] then
    seen[tile] = true
    tiles[#tiles + 1] = 'c' .. tile
  end
end
for i, left in ipairs(fetch(tiles)) do
  if left == '1' then
    gone[#gone + 1] = tiles[i]
    freed[#freed + 1] = sub(tiles[i], 2)
  elseif left then
    changes[#changes + 1] = tiles[i]
    changes[#changes + 1] = text(left - 1)
  end
end
send('HSET', run, changes)
send('HDEL', run, gone)

-- What is known of the readers: two fields for each of them.
local asked, number, bit_of = {}, {}, {}
for _, arrival in ipairs(arrivals) do
  for _, reader in ipairs(arrival[3]) do
    local name, count = reader[1], #asked
    if not number[name] then
      number[name], asked[count + 1] = count + 1, 't' .. name
      asked[count + 2], bit_of[name] = place(name)
    end
  end
end
local found = fetch(asked)

-- Arrivals join the sets of readers that wait: {missing, priority, tiles}.
local waiting, touched, urgencies = {}, {}, {}
local function state_of(reader)
  local name = reader[1]
  local at = number[name]
  if not found[at] and has(found[at + 1], bit_of[name]) then
    return nil -- done
  end
  local state = waiting[name]
  if state == nil then
    local record = found[at]
    if not record then
      state = {reader[2], reader[3], {}, ''}
    elseif byte(record) == 119 then -- w
      local missing, priority, start = match(record, '^w(%d+):(-?%d+):()')
      state = {tonumber(missing), priority, {}, sub(record, start)}
    else
      state = false -- it has all that it needs
    end
    waiting[name] = state
  end
  return state
end

changes, gone = {}, {}
for _, arrival in ipairs(arrivals) do
  local tile, outstanding, readers = arrival[1], {}, 0
  for _, reader in ipairs(arrival[3]) do
    local name = reader[1]
    local state = state_of(reader)
    if state ~= nil and not outstanding[name] then
      outstanding[name] = true
      readers = readers + 1
    end
    if state and not state[3][tile] and not holds(state[4], tile) then
      if not touched[name] then
        touched[name] = true
        touched[#touched + 1] = name
      end
      state[1] = state[1] - 1
      state[3][tile] = true
      state[4] = state[4] .. net(tile)
      if state[1] <= 0 then
        waiting[name] = false
        woken[#woken + 1] = name
        urgencies[#urgencies + 1] = state[2]
        urgencies[#urgencies + 1] = name
      end
    end
  end
  if arrival[2] and readers > 0 then
    changes[#changes + 1] = 'c' .. tile
    changes[#changes + 1] = text(readers)
  elseif arrival[2] then
    gone[#gone + 1] = 'c' .. tile
    freed[#freed + 1] = tile
  end
end
for _, name in ipairs(touched) do
  local state = waiting[name]
  changes[#changes + 1] = 't' .. name
  changes[#changes + 1] = state and ('w' .. state[1] .. ':' .. state[2] .. ':' .. state[4]) or 'r'
end
send('HSET', run, changes)
send('HDEL', run, gone)
send('ZADD', ready, urgencies)

meta[4] = call('HINCRBY', run, '.done', 1)
if meta[4] >= total and meta[1] == 'running' then
  call('HSET', run, '.state', 'done')
end
return report(true)
