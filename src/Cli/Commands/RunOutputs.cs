using KvmSevVmm.Cli.Values;
using Serilog;

namespace KvmSevVmm.Cli.Commands;

/// <summary>What a running machine writes to, and who may stop it. Opened by <c>run</c> before the guest starts and closed by it at the end.</summary>
/// <param name="EventLog">Takes the event log as JSON lines, or null when none was asked for. Buffered; the machine writes from one thread at a time.</param>
/// <param name="Serial">Where the first serial port goes.</param>
/// <param name="SerialOutput">Takes the bytes that the guest sends; null for <see cref="SerialKind.Off"/>. Unbuffered.</param>
/// <param name="Stop">To be attached to the machine once it can be stopped, and detached before it is taken down.</param>
/// <param name="Log">For words about the machine.</param>
internal sealed record RunOutputs(Stream? EventLog, SerialTarget Serial, Stream? SerialOutput, StopRelay Stop, ILogger Log);
