
import accounts.ids
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_call'),
        ('webhooks', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecoveryJob',
            fields=[
                ('id', accounts.ids.IdField(prefix='job', serialize=False)),
                ('kind', models.CharField(choices=[('failed', 'Given up or held since a moment'), ('missed', 'Every event since a moment that it would hear now and has no success for'), ('selection', 'Deliveries that were picked')], max_length=10)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('status', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('canceled', 'Canceled')], default='running', max_length=10)),
                ('total', models.PositiveIntegerField(default=0)),
                ('released', models.PositiveIntegerField(default=0)),
                ('cursor', models.CharField(blank=True, default='', max_length=40)),
                ('until', models.CharField(max_length=40)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='webhooks_delivery_fair',
        ),
        migrations.AddField(
            model_name='delivery',
            name='conversation',
            field=models.CharField(blank=True, editable=False, max_length=110, null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='lane',
            field=models.PositiveSmallIntegerField(choices=[(0, 'First tries'), (1, 'Retries, and what is recovered')], default=0),
        ),
        migrations.AddField(
            model_name='webhook',
            name='slow',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='recoveryjob',
            name='webhook',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recovery_jobs', to='webhooks.webhook'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='job',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='webhooks.recoveryjob'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['webhook', 'lane', 'due_at', 'id'], name='webhooks_delivery_fair'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('conversation__isnull', False)), fields=['webhook', 'conversation', 'id'], name='webhooks_delivery_turn'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('job__isnull', False)), fields=['job', 'status'], name='webhooks_delivery_job'),
        ),
        migrations.AddIndex(
            model_name='recoveryjob',
            index=models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['webhook'], name='webhooks_recovery_running'),
        ),
    ]
