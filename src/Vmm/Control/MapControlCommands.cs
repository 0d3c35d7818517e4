using System.Text.Json;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Sharing;

namespace KvmSevVmm.Vmm.Control;

/// <summary>Commands that ask what is private and what is shared. All of them are this monitor's own.</summary>
/// <param name="machine">The machine.</param>
internal sealed class MapControlCommands(ControlledMachine machine)
{
    /// <summary>The whole map.</summary>
    internal const string QueryMap = "x-kvmsev-query-map";

    /// <summary>Adds the commands.</summary>
    /// <param name="commands">Takes them.</param>
    internal void AddTo(ControlCommands commands)
    {
        commands.Add(QueryMap, () => QmpAnswer.Streamed(PrepareMapAsync));
        commands.AddAsync("x-kvmsev-query-page", WritePageAsync);
        commands.Add("x-kvmsev-query-journal", ReadJournal);
    }

    private async Task<Action<Stream>> PrepareMapAsync()
    {
        SharedRegionMap map = await machine.UseAsync(static running => running.TakeMap()).ConfigureAwait(false);
        return output => SharedRegionMapJson.WriteLine(map, output);
    }

    private async Task<QmpAnswer> WritePageAsync(QmpArguments arguments)
    {
        Gpa gpa = new(arguments.RequireAddress("gpa"));
        arguments.End();
        (PageState? state, RangeLabel? label, ConversionRecord? since) = await machine.UseAsync(running =>
        {
            // It is let go of here, before anybody else has one made.
            SharedRegionMap map = running.TakeMap();
            // A call that came after the map says nothing of the state on it.
            bool isKnown = running.SharedRegions.TryFindLatest(gpa, out ConversionRecord record) && record.Generation <= map.Generation;
            return (map.StateAt(gpa), map.LabelAt(gpa), isKnown ? record : (ConversionRecord?)null);
        }).ConfigureAwait(false);
        return QmpAnswer.Object(json =>
        {
            json.WriteString("gpa"u8, gpa.ToString());
            json.WriteBoolean("ram"u8, state is not null);
            if (state is not PageState known)
            {
                return;
            }

            json.WriteString("state"u8, MapWords.Of(known));
            if (label is not null)
            {
                json.WriteStartObject("label"u8);
                SharedRegionMapJson.WriteLabel(json, label);
                json.WriteEndObject();
            }

            if (since is ConversionRecord record)
            {
                json.WriteStartObject("since"u8);
                WriteRecord(json, record);
                json.WriteEndObject();
            }
        });
    }

    private QmpAnswer ReadJournal(QmpArguments arguments)
    {
        ulong since = arguments.OptionalNumber("since") ?? 0;
        arguments.End();
        return QmpAnswer.Streamed(() => PrepareJournalAsync(since));
    }

    private async Task<Action<Utf8JsonWriter>> PrepareJournalAsync(ulong since)
    {
        ConversionRecord[] records = new ConversionRecord[SharedRegionTracker.JournalBatchLimit];
        (JournalBatch batch, ulong generation) = await machine.UseAsync(running => (
            running.SharedRegions.ReadJournal(since, records), running.SharedRegions.Generation)).ConfigureAwait(false);
        return json =>
        {
            json.WriteStartObject();
            json.WriteNumber("generation"u8, generation);
            json.WriteNumber("lost"u8, batch.Lost);
            json.WriteStartArray("calls"u8);
            foreach (ConversionRecord record in records.AsSpan(0, batch.Count))
            {
                json.WriteStartObject();
                WriteRecord(json, record);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        };
    }

    private static void WriteRecord(Utf8JsonWriter json, in ConversionRecord record)
    {
        json.WriteNumber("generation"u8, record.Generation);
        json.WriteNumber("t"u8, Math.Round(record.Elapsed.TotalSeconds, 6));
        json.WriteNumber("vcpu"u8, record.Vcpu);
        json.WriteString("gpa"u8, record.Range.Start.ToString());
        json.WriteNumber("pages"u8, record.Range.PageCount);
        json.WriteString("state"u8, MapWords.Of(record.State));
    }
}
