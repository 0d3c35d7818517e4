using KvmSevVmm.TestSupport;
using KvmSevVmm.Vmm.Console;
using KvmSevVmm.Vmm.Devices;
using Xunit;

namespace KvmSevVmm.Vmm.Tests.Devices;

/// <summary>What no guest may achieve with port I/O: an exception, an allocation, growth.</summary>
public sealed class DeviceStressTests
{
    private static readonly (ulong Start, ulong End)[] Areas =
    [
        (0x5E, 0x68), (0x6E, 0x74), (0x7F, 0x82), (0xF0, 0xFA), (0x3F4, 0x404), (0xCF4, 0xD04), (0xFFF0, 0x10004),
    ];

    [Fact]
    public void Access_MillionRandomAccesses_NeverThrowNorAllocate()
    {
        const int Seed = 424242;
        RecordingMachine machine = new();
        RecordingLine serialLine = new();
        using ConsoleOutput console = new(Stream.Null, capacity: 4096); // not started: it fills, and stays full
        Serial16550 serial = new(serialLine, console);
        IoBus ports = BuildMachine(machine, serial);
        Random random = new(Seed);
        long allocated = Allocations.InBestRound(() => Access(ports, serial, random, 500_000));

        Assert.Equal(0, allocated);
        Assert.Equal(0, serialLine.RepeatedLevels);
        Assert.True(machine.Requests > 0);
        Assert.True(ports.UnclaimedAccesses > 0);
    }

    [Fact]
    public void SerialOutput_WithAThreadThatDrains_AllocatesNothingOnTheWriter()
    {
        using ConsoleOutput console = new(Stream.Null);
        Serial16550 serial = new(new RecordingLine(), console);
        console.Start();
        long allocated = Allocations.InBestRound(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                Send(serial, 10_000);
                Thread.Sleep(5); // the reader sleeps: the next byte wakes it
            }
        });
        Assert.True(console.Stop(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, allocated);
    }

    private static void Send(Serial16550 serial, int count)
    {
        for (int i = 0; i < count; i++)
        {
            serial.Out(0, (byte)'x');
        }
    }

    [Fact]
    public async Task Access_FourVcpusAtOnce_NeverThrow()
    {
        RecordingMachine machine = new();
        using ConsoleOutput console = new(Stream.Null, capacity: 64);
        Serial16550 serial = new(new RecordingLine(), console);
        IoBus ports = BuildMachine(machine, serial);
        console.Start();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() => Access(ports, serial, new Random(seed), 100_000))));
        Assert.True(console.Stop(TimeSpan.FromSeconds(30)));
    }

    private static IoBus BuildMachine(RecordingMachine machine, Serial16550 serial)
    {
        IoBus ports = new();
        I8042 keyboard = new(machine, new RecordingLine());
        ports.Register(Serial16550.Com1Port, Serial16550.WindowLength, serial, "serial");
        ports.Register(I8042.DataPort, 1, keyboard.Data, "i8042-data");
        ports.Register(I8042.CommandPort, 1, keyboard.Command, "i8042-command");
        ports.Register(CmosRtc.Port, CmosRtc.WindowLength, new CmosRtc(TimeProvider.System, 3UL << 30, 1UL << 30), "rtc");
        ports.Register(ResetPort.Port, ResetPort.WindowLength, new ResetPort(machine), "reset");
        ports.Register(0xF4, DebugExit.WindowLength, new DebugExit(machine), "debug-exit");
        ports.Register(PostCode.Port, 1, new PostCode(), "post-code");
        return ports;
    }

    private static void Access(IoBus ports, Serial16550 serial, Random random, int count)
    {
        Span<byte> data = stackalloc byte[8];
        Span<byte> text = stackalloc byte[64];
        for (int i = 0; i < count; i++)
        {
            (ulong start, ulong end) = Areas[random.Next(Areas.Length)];
            ulong port = start + (ulong)random.NextInt64((long)(end - start));
            int size = random.Next(1, 9);
            random.NextBytes(data);
            switch (random.Next(8))
            {
                case 0:
                    serial.Receive(text[..random.Next(text.Length + 1)]);
                    break;
                case 1:
                    ports.AccessRepeated(port, random.Next(2) == 0, 2, data);
                    break;
                default:
                    ports.Access(port, random.Next(2) == 0, data[..size]);
                    break;
            }
        }
    }
}
