using KvmSevVmm.Sev.Commands;
using KvmSevVmm.Sev.Psp;
using Xunit;

namespace KvmSevVmm.Sev.Tests.Psp;

/// <summary>Every command in every state. The columns are the states, the cells the firmware's status; -- is Linux's own refusal.</summary>
public sealed class PspStateTableTests
{
    // "idle" is a machine before LAUNCH_START on a platform without guests, "busy" one beside another guest.
    private const string GuestTable = """
        command             idle busy LUPDATE LSECRET RUNNING SUPDATE RUPDATE SENT
        LAUNCH_START        00   00   0c      0c      0c      0c      0c      0c
        LAUNCH_UPDATE_DATA  01   10   00      02      02      02      02      02
        LAUNCH_UPDATE_VMSA  01   10   00      02      02      02      02      02
        LAUNCH_MEASURE      01   10   00      02      02      02      02      02
        LAUNCH_SECRET       01   10   02      00      02      02      02      02
        LAUNCH_FINISH       01   10   02      00      02      02      02      02
        GUEST_STATUS        00   00   00      00      00      00      00      00
        ATTESTATION         01   10   02      00      00      00      02      00
        DBG_DECRYPT         01   10   00      00      00      00      00      00
        DBG_ENCRYPT         01   10   00      00      00      00      00      00
        SEND_START          01   10   02      02      00      02      02      02
        SEND_UPDATE_DATA    01   10   02      02      02      00      02      02
        SEND_FINISH         01   10   02      02      02      00      02      02
        SEND_CANCEL         01   10   02      02      02      00      02      02
        RECEIVE_START       00   00   0c      0c      0c      0c      0c      0c
        RECEIVE_UPDATE_DATA 01   10   02      02      02      02      00      02
        RECEIVE_FINISH      01   10   02      02      02      02      00      02
        """;

    private const string PlatformTable = """
        command          UNINIT INIT WORKING
        INIT             00     01   01
        SHUTDOWN         00     00   --
        PLATFORM_STATUS  00     00   00
        PEK_GEN          00     00   01
        PEK_CSR          00     00   00
        PDH_GEN          00     00   00
        PDH_CERT_EXPORT  00     00   00
        PEK_CERT_IMPORT  00     00   01
        GET_ID           00     00   00
        FACTORY_RESET    00     00   --
        SNP_STATUS       00     00   00
        """;

    // The state after the command, where it succeeds and changes it.
    private static readonly Dictionary<string, SevGuestState> Next = new()
    {
        ["LAUNCH_START"] = SevGuestState.LaunchUpdate,
        ["LAUNCH_MEASURE"] = SevGuestState.LaunchSecret,
        ["LAUNCH_FINISH"] = SevGuestState.Running,
        ["SEND_START"] = SevGuestState.SendUpdate,
        ["SEND_FINISH"] = SevGuestState.Sent,
        ["SEND_CANCEL"] = SevGuestState.Running,
        ["RECEIVE_START"] = SevGuestState.ReceiveUpdate,
        ["RECEIVE_FINISH"] = SevGuestState.Running,
    };

    public static TheoryData<string, string, string> GuestCells => Cells(GuestTable);

    public static TheoryData<string, string, string> PlatformCells => Cells(PlatformTable);

    [Theory]
    [MemberData(nameof(GuestCells))]
    public void Guest_CommandInState_AnswersAsTheFirmware(string command, string column, string expected)
    {
        using PspHarness harness = new(policy: 4);
        using SoftwareSevGuest other = harness.Psp.CreateGuest();
        SevGuestState state = column switch
        {
            "idle" or "busy" => SevGuestState.Uninitialized,
            _ => Enum.GetValues<SevGuestState>().Single(value => PspStateText.NameOf(value) == column),
        };
        harness.GoTo(state);
        if (column == "busy")
        {
            other.Initialize(SevGuestKind.Sev);
            other.LaunchStart(default);
        }

        Assert.Equal(state, harness.Guest.GetGuestStatus().State);

        PspStatus? status = PspHarness.StatusOf(() => Run(harness, command));

        Assert.Equal(expected, Format(status));
        SevGuestState after = status == PspStatus.Success ? Next.GetValueOrDefault(command, state) : state;
        Assert.Equal(after, harness.Guest.GetGuestStatus().State);
    }

    [Theory]
    [MemberData(nameof(PlatformCells))]
    public void Platform_CommandInState_AnswersAsTheFirmware(string command, string column, string expected)
    {
        using PspHarness harness = new();
        SoftwarePsp psp = harness.Psp;
        SevPlatformState state = column switch
        {
            "UNINIT" => SevPlatformState.Uninitialized,
            "INIT" => SevPlatformState.Initialized,
            _ => SevPlatformState.Working,
        };
        (byte[] pek, byte[] oca) = PspPlatformTests.SignByOwner(psp);
        if (state == SevPlatformState.Uninitialized)
        {
            psp.Shutdown();
        }
        else if (state == SevPlatformState.Working)
        {
            harness.Start();
        }

        Assert.Equal(state, psp.GetStatus().State);

        PspStatus? status = PspHarness.StatusOf(() =>
        {
            Action action = command switch
            {
                "INIT" => psp.Initialize,
                "SHUTDOWN" => psp.Shutdown,
                "PLATFORM_STATUS" => () => psp.GetStatus(),
                "PEK_GEN" => psp.GeneratePek,
                "PEK_CSR" => () => psp.RequestPekSignature(),
                "PDH_GEN" => psp.GeneratePdh,
                "PDH_CERT_EXPORT" => () => psp.ExportPdh(),
                "PEK_CERT_IMPORT" => () => psp.ImportPek(pek, oca),
                "GET_ID" => () => psp.GetId(),
                "FACTORY_RESET" => psp.FactoryReset,
                _ => () => psp.GetSnpStatus(),
            };
            action();
        });

        Assert.Equal(expected, Format(status));
        SevPlatformState after = command switch
        {
            "SHUTDOWN" or "FACTORY_RESET" when status == PspStatus.Success => SevPlatformState.Uninitialized,
            "PLATFORM_STATUS" or "GET_ID" or "SNP_STATUS" => state,
            _ => state == SevPlatformState.Working ? state : SevPlatformState.Initialized,
        };
        Assert.Equal(after, psp.GetStatus().State);
    }

    private static void Run(PspHarness harness, string command)
    {
        SoftwareSevGuest guest = harness.Guest;
        byte[] page = new byte[4096];
        Action action = command switch
        {
            "LAUNCH_START" => harness.Start,
            "LAUNCH_UPDATE_DATA" => harness.Update,
            "LAUNCH_UPDATE_VMSA" => guest.LaunchUpdateVmsa,
            "LAUNCH_MEASURE" => harness.Measure,
            "LAUNCH_SECRET" => () => harness.Inject(page.AsSpan(0, PspHarness.Secret.Length)),
            "LAUNCH_FINISH" => guest.LaunchFinish,
            "GUEST_STATUS" => () => guest.GetGuestStatus(),
            "ATTESTATION" => () => guest.GetAttestationReport(PspHarness.Nonce),
            "DBG_DECRYPT" => () => guest.DebugDecrypt(new GuestPiece(0, 0, harness.Memory), page),
            "DBG_ENCRYPT" => () => guest.DebugEncrypt(page, new GuestPiece(0, 0, harness.Memory)),
            "SEND_START" => () => harness.SendStart(),
            "SEND_UPDATE_DATA" => () => guest.SendUpdateData(new GuestPiece(0, 0, harness.Memory)),
            "SEND_FINISH" => guest.SendFinish,
            "SEND_CANCEL" => guest.SendCancel,
            "RECEIVE_START" => harness.Receive,
            "RECEIVE_UPDATE_DATA" => () => harness.ReceiveData(page),
            "RECEIVE_FINISH" => guest.ReceiveFinish,
            _ => throw new ArgumentOutOfRangeException(nameof(command), command, "no command"),
        };
        action();
    }

    private static string Format(PspStatus? status) => status is { } code ? $"{(uint)code:x2}" : "--";

    private static TheoryData<string, string, string> Cells(string table)
    {
        TheoryData<string, string, string> cells = [];
        string[][] rows = [.. table.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        foreach (string[] row in rows.Skip(1))
        {
            for (int column = 1; column < row.Length; column++)
            {
                cells.Add(row[0], rows[0][column], row[column].Trim());
            }
        }

        return cells;
    }
}
