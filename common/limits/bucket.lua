-- Take tokens from all buckets or from none. KEYS: one per rate. ARGV: the least and the most
-- tokens wanted, into how many parts what is left is shared, then per key quota, window in ms and
-- capacity. A negative `most` gives tokens back.
--
-- A bucket is kept as its debt: what is missing from it, in 1/window of a token, so that `quota`
-- of debt is paid off in a millisecond. A key that is missing owes nothing. All numbers are whole
-- and below 2^53: doubles hold them exactly.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local least, most, parts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local rates, granted, wait = {}, most, 0

for i, key in ipairs(KEYS) do
  local rate = {quota = tonumber(ARGV[3 * i + 1]), window = tonumber(ARGV[3 * i + 2]),
                capacity = tonumber(ARGV[3 * i + 3]), debt = 0}
  local kept = redis.call('HMGET', key, 'debt', 'at')
  if kept[1] then
    -- The server's clock may have been set back: nothing is paid off then.
    local passed = math.max(0, now - tonumber(kept[2]))
    rate.debt = math.max(0, tonumber(kept[1]) - passed * rate.quota)
  end
  if most > 0 then
    local room = rate.capacity * rate.window - rate.debt
    local free = math.floor(room / rate.window)
    -- Who asks for more than the bucket ever holds waits until it is full, and empties it.
    local need = math.min(least, rate.capacity)
    if free < need then
      wait = math.max(wait, math.ceil((need * rate.window - room) / rate.quota))
    else
      granted = math.min(granted, math.max(least, math.floor(free / parts)))
    end
  end
  rates[i] = rate
end
if wait > 0 then granted = 0 end

local answer = {granted, wait}
for i, key in ipairs(KEYS) do
  local rate = rates[i]
  if granted ~= 0 then
    rate.debt = math.max(0, rate.debt + math.min(granted, rate.capacity) * rate.window)
    redis.call('HSET', key, 'debt', string.format('%.0f', rate.debt),
               'at', string.format('%.0f', now))
    redis.call('PEXPIRE', key, math.ceil(rate.debt / rate.quota) + 1)
  end
  local room = rate.capacity * rate.window - rate.debt
  local free = math.max(0, math.floor(room / rate.window))
  local more = 0
  if free < rate.capacity then
    more = math.ceil(((free + 1) * rate.window - room) / rate.quota)
  end
  answer[2 * i + 1], answer[2 * i + 2] = free, more
end
return answer
