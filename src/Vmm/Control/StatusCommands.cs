using System.Text.Json;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Metrics;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Commands that ask what the machine has done. All of them are this monitor's own.</summary>
/// <param name="machine">The machine.</param>
internal sealed class StatusCommands(ControlledMachine machine)
{
    /// <summary>Adds the commands.</summary>
    /// <param name="commands">Takes them.</param>
    internal void AddTo(ControlCommands commands)
    {
        commands.AddAsync("x-kvmsev-query-guard", arguments => AnswerAsync(arguments, WriteGuard));
        commands.AddAsync("x-kvmsev-query-migratable", arguments => AnswerAsync(arguments, WriteMigratable));

        // With many vCPUs these pass QmpAnswer.MaximumLength.
        commands.Add("x-kvmsev-query-exits", () => QmpAnswer.Streamed(PrepareExitsAsync));
        commands.Add("x-kvmsev-metrics", () => QmpAnswer.Streamed(PrepareMetricsAsync));
    }

    private async Task<QmpAnswer> AnswerAsync(QmpArguments arguments, Func<MachineStatus, QmpAnswer> answer)
    {
        arguments.End();
        return answer(await ObserveAsync().ConfigureAwait(false));
    }

    private Task<MachineStatus> ObserveAsync() => machine.UseAsync(static running => running.Observe());

    private async Task<Action<Utf8JsonWriter>> PrepareExitsAsync()
    {
        MachineStatus status = await ObserveAsync().ConfigureAwait(false);
        return json =>
        {
            json.WriteStartArray();
            foreach (VcpuStatus vcpu in status.Vcpus)
            {
                json.WriteStartObject();
                json.WriteNumber("cpu-index"u8, vcpu.Index);
                json.WriteStartObject("exits"u8);
                foreach ((string kind, ulong count) in vcpu.ExitsByKind.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
                {
                    json.WriteNumber(kind, count);
                }

                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        };
    }

    private static QmpAnswer WriteGuard(MachineStatus status)
    {
        return QmpAnswer.Of(json =>
        {
            json.WriteStartArray();
            foreach (VirtioDeviceReport device in status.Devices)
            {
                json.WriteStartObject();
                json.WriteString("device"u8, device.Name);
                json.WriteNumber("violations"u8, device.GuardViolations);
                if (status.LatestViolations.FirstOrDefault(violation => violation.Device == device.Name) is { } latest)
                {
                    WriteViolation(json, latest);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private static void WriteViolation(Utf8JsonWriter json, GuardViolation violation)
    {
        json.WriteStartObject("latest"u8);
        json.WriteNumber("queue"u8, violation.Queue);
        json.WriteString("part"u8, violation.Part);
        json.WriteString("gpa"u8, violation.Gpa.ToString());
        json.WriteString("cause"u8, violation.Cause);
        json.WriteEndObject();
    }

    private QmpAnswer WriteMigratable(MachineStatus status)
    {
        IReadOnlyList<string> obstacles = MigrationObstacles.Find(status, machine.Launch?.Kind, machine.Launch?.Result.Policy);
        return QmpAnswer.Object(json =>
        {
            json.WriteBoolean("migratable"u8, obstacles.Count == 0);
            json.WriteStartArray("obstacles"u8);
            foreach (string obstacle in obstacles)
            {
                json.WriteStringValue(obstacle);
            }

            json.WriteEndArray();
        });
    }

    private async Task<Action<Utf8JsonWriter>> PrepareMetricsAsync()
    {
        IReadOnlyList<Metric> metrics = MachineMetrics.Of(await ObserveAsync().ConfigureAwait(false));
        return json =>
        {
            json.WriteStartArray();
            foreach (Metric metric in metrics)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, metric.Name);
                json.WriteString("type"u8, metric.TypeWord);
                json.WriteString("help"u8, metric.Help);
                json.WriteStartArray("samples"u8);
                foreach (MetricSample sample in metric.Samples)
                {
                    json.WriteStartObject();
                    json.WriteStartObject("labels"u8);
                    foreach ((string name, string value) in sample.Labels)
                    {
                        json.WriteString(name, value);
                    }

                    json.WriteEndObject();
                    json.WriteNumber("value"u8, sample.Value);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        };
    }
}
