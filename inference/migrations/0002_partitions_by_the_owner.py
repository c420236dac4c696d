"""Days are made and dropped by the tables' owner; the application may ask for that, and no more.

The path that names are looked up on is fixed, with temporary tables last: who asks can't put a
table of their own in the way.
"""

from django.db import migrations

MAKE = """
CREATE FUNCTION inference_partition_bound(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

CREATE FUNCTION inference_make_partition(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := 'inference_prediction_p' || to_char(day, 'YYYYMMDD');
BEGIN
    IF abs(day - current_date) > 1000 THEN
        RAISE EXCEPTION 'the day % is too far from today', day;
    END IF;
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Attaching takes a lighter lock than making it a partition at once would.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.inference_prediction INCLUDING ALL)', name);
    EXECUTE format(
        'ALTER TABLE public.inference_prediction ATTACH PARTITION public.%I'
        ' FOR VALUES FROM (%L) TO (%L)',
        name, public.inference_partition_bound(day), public.inference_partition_bound(day + 1)
    );
    RETURN true;
END
$$;

CREATE FUNCTION inference_drop_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('DROP TABLE public.%I', 'inference_prediction_p' || to_char(day, 'YYYYMMDD'));
END
$$;

REVOKE EXECUTE ON FUNCTION inference_make_partition(date) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION inference_drop_partition(date) FROM PUBLIC;
"""
DROP = """
DROP FUNCTION inference_make_partition(date);
DROP FUNCTION inference_drop_partition(date);
DROP FUNCTION inference_partition_bound(date);
"""


class Migration(migrations.Migration):
    dependencies = [("inference", "0001_predictions")]
    operations = [migrations.RunSQL(MAKE, DROP)]
