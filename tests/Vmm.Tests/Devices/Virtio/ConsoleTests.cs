using System.Buffers.Binary;
using System.Diagnostics;
using KvmSevVmm.TestSupport.Virtio;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices.Virtio;
using KvmSevVmm.Vmm.Memory;
using KvmSevVmm.Vmm.Tests.Console;
using Xunit;
using Register = KvmSevVmm.Vmm.Devices.Virtio.VirtioMmioRegister;

namespace KvmSevVmm.Vmm.Tests.Devices.Virtio;

/// <summary>virtio-console between a driver and the console's thread.</summary>
[Collection(AloneGroup.Name)]
public sealed class ConsoleTests : IDisposable
{
    private const int Input = 0;
    private const int Output = 1;
    private const ulong Buffer = 0x20_0000;
    private static readonly BoundedLog NoLog = new(Serilog.Core.Logger.None);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    private readonly GatedStream _stream = new();
    private readonly ConsoleOutput _output;

    public ConsoleTests()
    {
        _output = new ConsoleOutput(_stream);
    }

    public void Dispose()
    {
        _stream.Unblock();
        _output.Dispose();
        _stream.Dispose();
    }

    private VirtioBench Start(TimeSpan? patience = null, (ushort, ushort)? size = null, uint queueSize = 16)
    {
        var bench = new VirtioBench(new VirtioConsole("console", _output, size, NoLog) { Patience = patience ?? Long });
        bench.Driver.Start(queueSize);
        _output.Start();
        return bench;
    }

    private static VirtioConsole ConsoleOf(VirtioBench bench) => (VirtioConsole)bench.Device;

    /// <summary>Offers bytes to the host and waits for them to be taken, as Linux does.</summary>
    private static void Write(VirtioBench bench, ReadOnlySpan<byte> bytes)
    {
        bench.Memory.Write(new Gpa(Buffer), bytes);
        WriteBuffer(bench, (uint)bytes.Length);
    }

    private static void WriteBuffer(VirtioBench bench, uint length)
    {
        bench.Driver.SetChain(Output, 0, new DriverBuffer(Buffer, length, false));
        bench.Driver.Offer(Output, 0);
        bench.Transport.GetKick(Output).Signal();
        Eventually.True(() => bench.Driver.TryTakeUsed(Output, out _, out _), "the device keeps the guest's bytes");
    }

    private static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        new Random(9).NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(16 * 1024)]
    [InlineData((16 * 1024) + 1)]
    [InlineData(3 << 20)]
    public void Output_OfAnyLength_ArrivesWhole(int length)
    {
        using VirtioBench bench = Start();
        bench.StartLoop();
        byte[] bytes = Pattern(length);

        Write(bench, bytes);

        Eventually.True(() => _output.WrittenBytes == length, "bytes are missing");
        Assert.Equal(bytes, _stream.Written);
        Assert.Equal(length, bench.Device.Statistics.BytesFromGuest);
        Assert.Equal(0, ConsoleOf(bench).DroppedBytes);
    }

    [Fact]
    public void Output_CutIntoBuffers_ArrivesInOrder()
    {
        using VirtioBench bench = Start();
        bench.Memory.Write(new Gpa(Buffer), "hello, world"u8);

        Assert.Equal(0u, bench.Driver.Send(
            Output, new DriverBuffer(Buffer, 1, false), new DriverBuffer(Buffer + 1, 6, false), new DriverBuffer(Buffer + 7, 5, false)));

        Eventually.True(() => _stream.Written.Length == 12, "bytes are missing");
        Assert.Equal("hello, world"u8.ToArray(), _stream.Written);
    }

    [Fact]
    public void Output_ToASlowReader_LosesNothing()
    {
        using VirtioBench bench = Start(patience: Long);
        bench.StartLoop();
        byte[] bytes = Pattern(2 << 20);
        _stream.Block();
        bench.Memory.Write(new Gpa(Buffer), bytes);
        bench.Driver.SetChain(Output, 0, new DriverBuffer(Buffer, (uint)bytes.Length, false));
        bench.Driver.Offer(Output, 0);
        bench.Transport.GetKick(Output).Signal();
        Eventually.True(() => bench.Device.Statistics.BytesFromGuest > ConsoleOutput.DefaultCapacity, "the ring does not fill");
        Thread.Sleep(100);
        Assert.False(bench.Driver.TryTakeUsed(Output, out _, out _));

        _stream.Unblock();

        Eventually.True(() => bench.Driver.TryTakeUsed(Output, out _, out _), "the device does not go on");
        Eventually.True(() => _output.WrittenBytes == bytes.Length, "bytes are missing");
        Assert.Equal(bytes, _stream.Written);
    }

    [Fact]
    public void Flood_ToAReaderThatDoesNotRead_StallsNobody_AndGrowsNothing()
    {
        using VirtioBench bench = Start(patience: TimeSpan.FromMilliseconds(100));
        bench.StartLoop();
        bench.Memory.Write(new Gpa(Buffer), Pattern(1 << 20));
        _stream.Block();
        WriteBuffer(bench, 1 << 20); // fills the ring, and waits until patience is at its end
        Assert.True(ConsoleOf(bench).DroppedBytes > 0);
        long heap = GC.GetTotalMemory(forceFullCollection: true);
        TimeSpan slowest = default;
        const int Chains = 20_000;
        for (int i = 0; i < Chains; i++)
        {
            WriteBuffer(bench, 1 << 20);

            // What a vCPU would do meanwhile: registers answer at once.
            long start = Stopwatch.GetTimestamp();
            Assert.Equal((VirtioStatus)15, bench.Driver.Status);
            Assert.Equal(1u, ReadQueueReady(bench));
            TimeSpan time = Stopwatch.GetElapsedTime(start);
            slowest = time > slowest ? time : slowest;
        }

        long grown = GC.GetTotalMemory(forceFullCollection: true) - heap;
        Assert.True(slowest < TimeSpan.FromSeconds(1), $"a register took {slowest}");
        Assert.True(grown < 1 << 20, $"{grown} bytes more on the heap");
        long taken = bench.Device.Statistics.BytesFromGuest;
        Assert.Equal((Chains + 1L) << 20, taken + ConsoleOf(bench).DroppedBytes);
        Assert.True(taken <= ConsoleOutput.DefaultCapacity + (32 * 1024), $"{taken} bytes wait");

        // The reader comes back, and so does the output.
        _stream.Unblock();
        Eventually.True(() => _output.WrittenBytes == taken, "what waited is not written");
        Write(bench, "again"u8);
        Eventually.True(() => _stream.Written.AsSpan().EndsWith("again"u8), "the console stays silent");
    }

    private static uint ReadQueueReady(VirtioBench bench)
    {
        bench.Driver.Write(Register.QueueSelect, Output);
        return bench.Driver.Read(Register.QueueReady);
    }

    [Fact]
    public void Output_AfterTheReaderIsGone_IsTakenForEver()
    {
        _stream.Error = new IOException("Broken pipe");
        using VirtioBench bench = Start(patience: Long);
        bench.StartLoop();

        for (int i = 0; i < 20; i++)
        {
            WriteBuffer(bench, 1 << 20);
        }

        Eventually.True(() => _output.DroppedBytes == 20 << 20, "bytes wait for nobody");
        Assert.Same(_stream.Error, _output.Failure);
    }

    [Fact]
    public void Reset_InTheMiddleOfAChain_ForgetsIt()
    {
        using VirtioBench bench = Start();
        bench.Memory.Write(new Gpa(Buffer), Pattern(1 << 20));
        _stream.Block();
        bench.Driver.SetChain(Output, 0, new DriverBuffer(Buffer, 1 << 20, false));
        bench.Driver.Offer(Output, 0);
        bench.Transport.ProcessQueue(Output);
        Assert.True(bench.Device.Statistics.BytesFromGuest > 0);

        bench.Driver.Start();
        _stream.Unblock();
        Eventually.True(() => _output.WrittenBytes == bench.Device.Statistics.BytesFromGuest, "what was taken is not written");
        bench.Memory.Write(new Gpa(Buffer), "whole"u8);
        Assert.Equal(0u, bench.Driver.Send(Output, new DriverBuffer(Buffer, 5, false)));

        Eventually.True(() => _stream.Written.AsSpan().EndsWith("whole"u8), "the new chain was cut");
    }

    [Fact]
    public void Input_ReachesTheGuest_AlsoWhatWasTypedBeforeItsDriver()
    {
        var console = new VirtioConsole("console", _output, null, NoLog);
        using var bench = new VirtioBench(console);
        Assert.Equal(5, console.Receive("early"u8));

        bench.Driver.Start();
        Assert.Equal(3u, bench.Driver.Send(Input, new DriverBuffer(Buffer, 3, true)));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Buffer), 3).SequenceEqual("ear"u8));
        Assert.Equal(2u, bench.Driver.Send(Input, new DriverBuffer(Buffer, 64, true)));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Buffer), 3).SequenceEqual("lyr"u8));

        // A buffer that waits is filled when somebody types.
        Assert.Null(bench.Driver.Send(Input, new DriverBuffer(Buffer, 64, true)));
        bench.StartLoop();
        Assert.True(console.ReceiveBreak());
        uint written = 0;
        Eventually.True(() => bench.Driver.TryTakeUsed(Input, out _, out written), "the break does not arrive");
        Assert.Equal(1u, written);
        Assert.Equal(0x0F, bench.Memory.Read<byte>(new Gpa(Buffer)));
        Assert.Equal(6, bench.Device.Statistics.BytesToGuest);
    }

    [Fact]
    public void Input_ThatTheGuestDoesNotRead_IsRefused_AndAskedForLater()
    {
        var console = new VirtioConsole("console", _output, null, NoLog);
        using var bench = new VirtioBench(console);
        bench.Driver.Start();
        int asked = 0;
        console.InputReady = () => asked++;
        byte[] bytes = Pattern(VirtioConsole.InputCapacity + 100);

        Assert.Equal(VirtioConsole.InputCapacity, console.Receive(bytes));
        Assert.Equal(0, console.Receive(bytes));
        Assert.False(console.ReceiveBreak());
        Assert.Equal(0, asked);

        Assert.Equal(100u, bench.Driver.Send(Input, new DriverBuffer(Buffer, 100, true)));
        Assert.Equal(1, asked);
        Assert.Equal(100, console.Receive(bytes.AsSpan(VirtioConsole.InputCapacity)));
        Assert.Equal((uint)VirtioConsole.InputCapacity, bench.Driver.Send(Input, new DriverBuffer(Buffer, 1 << 20, true)));
        Assert.True(bench.Memory.GetReadOnlySpan(new Gpa(Buffer), VirtioConsole.InputCapacity).SequenceEqual(bytes.AsSpan(100)));
    }

    private static (int Columns, int Rows) ReadSize(VirtioBench bench)
    {
        byte[] config = new byte[4];
        bench.Device.ReadConfig(0, config);
        return (BinaryPrimitives.ReadUInt16LittleEndian(config), BinaryPrimitives.ReadUInt16LittleEndian(config.AsSpan(2)));
    }

    [Fact]
    public void Size_IsOfferedWhenItIsKnown_AndFollowsTheTerminal()
    {
        using VirtioBench bench = Start(size: (80, 25));
        Assert.Equal(1UL, bench.Device.Features);
        Assert.Equal((80, 25), ReadSize(bench));
        uint generation = bench.Driver.Read(Register.ConfigGeneration);

        ConsoleOf(bench).Resize(132, 43);

        Assert.Equal((132, 43), ReadSize(bench));
        Assert.Equal(2u, bench.Driver.Read(Register.InterruptStatus) & 2);
        Assert.NotEqual(generation, bench.Driver.Read(Register.ConfigGeneration));
    }

    [Fact]
    public void Size_IsToldWithTheFirstOutput_BecauseLinuxReadsItAtAChange()
    {
        using VirtioBench bench = Start(size: (132, 43));
        Assert.Equal(0u, bench.Driver.Read(Register.InterruptStatus) & 2);

        bench.Driver.Send(Output, new DriverBuffer(Buffer, 5, false));

        Assert.Equal(2u, bench.Driver.Read(Register.InterruptStatus) & 2);
        bench.Driver.Write(Register.InterruptAcknowledge, 3);
        bench.Driver.Send(Output, new DriverBuffer(Buffer, 5, false));
        Assert.Equal(0u, bench.Driver.Read(Register.InterruptStatus) & 2);

        // A driver that did not ask for the size hears nothing.
        bench.Driver.Start(features: bench.Driver.ReadFeatures() & ~1UL);
        bench.Driver.Write(Register.InterruptAcknowledge, 3);
        bench.Driver.Send(Output, new DriverBuffer(Buffer, 5, false));
        Assert.Equal(0u, bench.Driver.Read(Register.InterruptStatus) & 2);
    }

    [Fact]
    public void Size_ThatIsNotKnown_IsNotOffered()
    {
        using VirtioBench bench = Start();
        byte[] config = new byte[12];

        ConsoleOf(bench).Resize(132, 43);
        bench.Device.ReadConfig(0, config);

        Assert.Equal(0UL, bench.Device.Features);
        Assert.Equal(new byte[12], config);
        Assert.Equal(0u, bench.Driver.Read(Register.InterruptStatus));
    }

    [Fact]
    public void Chains_TheWrongWayRound_StopTheirQueue()
    {
        using VirtioBench bench = Start();
        Assert.Null(bench.Driver.Send(Output, new DriverBuffer(Buffer, 16, true)));
        Assert.Equal(1, bench.Device.Statistics.ProtocolErrors);

        bench.Driver.Start();
        ConsoleOf(bench).Receive("x"u8);
        Assert.Null(bench.Driver.Send(Input, new DriverBuffer(Buffer, 16, false)));
        Assert.Equal(2, bench.Device.Statistics.ProtocolErrors);

        // The byte was not lost with the chain.
        bench.Driver.Start();
        Assert.Equal(1u, bench.Driver.Send(Input, new DriverBuffer(Buffer, 16, true)));
    }
}
