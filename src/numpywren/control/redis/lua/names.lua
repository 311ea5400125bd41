-- Put before the scripts that look at done tasks and arrived tiles.

-- The block of 256 bits in which a task is marked as done, and its bit. A name is cut before its last number, which
-- has no leading zero and at most six digits, so that two names never share a bit.
local function place(task)
  local head, digits = string.match(task, '^(.-)([1-9]%d?%d?%d?%d?%d?)$')
  if not head then
    head = string.match(task, '^(.*)0$')
    if not head then
      return 'd:' .. task, 0
    end
    digits = '0'
  end
  local number = tonumber(digits)
  return 'd' .. math.floor(number / 256) .. ':' .. head, number % 256
end

local function has(bits, bit)
  local octet = bits and string.byte(bits, math.floor(bit / 8) + 1)
  return octet ~= nil and octet ~= false and math.floor(octet / 2 ^ (bit % 8)) % 2 == 1
end

local function with(bits, bit)
  if has(bits, bit) then
    return bits
  end
  local octet = math.floor(bit / 8)
  bits = (bits or '') .. string.rep('\0', octet + 1 - #(bits or ''))
  local marked = string.byte(bits, octet + 1) + 2 ^ (bit % 8)
  return string.sub(bits, 1, octet) .. string.char(marked) .. string.sub(bits, octet + 2)
end

-- Net strings: a length, a colon and so many bytes, one after the other.
local function net(name)
  return #name .. ':' .. name
end

local function holds(names, name)
  local wanted = net(name)
  if not string.find(names, wanted, 1, true) then
    return false
  end
  local at = 1 -- it may have been found inside another name
  while at <= #names do
    local length, start = string.match(names, '^(%d+):()', at)
    local following = start + tonumber(length)
    if string.sub(names, at, following - 1) == wanted then
      return true
    end
    at = following
  end
  return false
end
