using System.Globalization;
using Serilog.Core;
using Serilog.Events;

namespace KvmSevVmm.TestSupport.Virtio;

/// <summary>Keeps what is logged as lines, without the quotes around texts.</summary>
internal sealed class LineSink(List<string> lines) : ILogEventSink
{
    public void Emit(LogEvent logEvent) =>
        lines.Add(logEvent.RenderMessage(CultureInfo.InvariantCulture).Replace("\"", string.Empty, StringComparison.Ordinal));
}
