"""Each event knows the transaction that wrote it, so that a reader can ask what committed since."""

from django.db import migrations

ADD = """
ALTER TABLE common_eventrecord ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX event_by_transaction ON common_eventrecord (xact);
"""
DROP = "ALTER TABLE common_eventrecord DROP COLUMN xact;"


class Migration(migrations.Migration):
    dependencies = [("common", "0001_initial")]
    operations = [migrations.RunSQL(ADD, DROP)]
